"""One pass: the run that tests a lecture is the run that its page shows.

A pytest plugin on top of nbval. While nbval runs the cells of a lecture and compares the tagged
ones, every message of the kernel also goes to nbclient's own bookkeeping, so that the outputs are
what any Jupyter client would have stored. A lecture whose cells all passed lands in
`_build/lectures`, from where `tools.build_site` takes it. The plugin also sees what nbval lets
pass: a kernel that died, a checked cell with nothing to compare with, an image without
alternative text, warnings, a widget that a static page could not show.
"""

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty

import nbformat
import nbval.plugin
import pytest
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams
from xdist.scheduler import LoadFileScheduling

from tools import executions

CHECKED = "nbval-check-output"
HEARTBEAT_S = 1.0  # how often a silent kernel is asked whether it is still alive
PROGRESS_BAR = re.compile(r"\d+%\||\d+it \[")  # what tqdm writes to stderr
COLOUR = re.compile(r"\x1b\[[\d;]*m")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class KernelDied(Exception):
    """The kernel's process ended while a cell was running."""


class ObservedKernel(RunningKernel):
    """nbval's kernel, that shows the running cell's messages and notices when it dies."""

    observer: Callable[[dict], None] | None = None
    message_id: str | None = None

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell's source to the kernel and remember the message's id."""
        self.message_id = super().execute_cell_input(cell_input, allow_stdin)
        return self.message_id

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        """Return the next message, shown to the observer if it belongs to the running cell."""
        message = self._wait_for_message(stream, math.inf if timeout is None else timeout)
        of_this_cell = message["parent_header"].get("msg_id") == self.message_id
        if stream == "iopub" and of_this_cell and self.observer is not None:
            self.observer(message)
        return message

    def _wait_for_message(self, stream: str, timeout: float) -> dict:
        deadline = time.monotonic() + timeout
        while True:
            try:
                wait = min(HEARTBEAT_S, max(0.0, deadline - time.monotonic()))
                return super().get_message(stream, timeout=wait)
            except Empty:
                if not self.is_alive():
                    raise KernelDied("The kernel died while it ran this cell.") from None
                if time.monotonic() >= deadline:
                    raise


class LectureRun:
    """One lecture on its way through pytest: its notebook, with the outputs seen so far."""

    def __init__(self, path: Path, root: Path) -> None:
        self.key = executions.key(path, root)  # now: the package may change during the run
        self.notebook = nbformat.read(path, as_version=4)
        self.cells = [
            pair for pair in enumerate(self.notebook.cells) if pair[1].cell_type == "code"
        ]
        for _, cell in self.cells:
            cell.outputs, cell.execution_count = [], None
        self.client = NotebookClient(self.notebook, record_timing=False)
        self.client.reset_execution_trackers()
        self.started = time.perf_counter()
        self.passed = 0

    @contextmanager
    def observing(self, kernel: ObservedKernel, number: int) -> Iterator[NotebookNode]:
        """Collect the outputs of one code cell while nbval runs it."""
        index, cell = self.cells[number]
        self.client.kc, self.client.clear_before_next_output = kernel.kc, False

        def collect(message: dict) -> None:
            with suppress(CellExecutionComplete):  # how nbclient says that the cell is done
                self.client.process_message(message, cell, index)

        kernel.observer = collect
        try:
            yield cell
        finally:
            kernel.observer = None
            cell.outputs = coalesce_streams(cell.outputs)  # joins the streams, resolves \r

    def store(self, file: IPyNbFile) -> None:
        """Keep the executed lecture for the site."""
        executions.store(
            file.path,
            self.notebook,
            file.config.rootpath,
            key=self.key,
            seconds=round(time.perf_counter() - self.started, 1),
            peak_memory_mib=peak_memory_mib(file.kernel),
        )


RUN = pytest.StashKey[LectureRun]()


def peak_memory_mib(kernel: RunningKernel) -> int | None:
    """Return the most memory that the kernel has held at once, or None where /proc is missing."""
    status = Path(f"/proc/{kernel.km.provisioner.pid}/status")
    if not status.exists():
        return None
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text()).group(1)) // 1024


def problems_of(stored: NotebookNode, cell: NotebookNode) -> list[str]:
    """Return what is wrong with a cell that ran, beyond what nbval looks at.

    Args:
        stored: the cell as it lies in the lecture.
        cell: the same cell with the outputs of this run, as the page will show them.
    """
    tags = cell.metadata.get("tags", [])
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    bundles = [set(output.data) for output in cell.outputs if "data" in output]
    has_image = any(kind.startswith("image/") for bundle in bundles for kind in bundle)
    has_error = any(output.output_type == "error" for output in cell.outputs)
    only_live = any(WIDGET_VIEW in bundle and "text/html" not in bundle for bundle in bundles)
    found = {
        f"It is tagged {CHECKED} but has no stored output (make outputs stores it).": (
            CHECKED in tags and not stored.outputs
        ),
        "It shows an image, but its metadata mystnb.image.alt is empty.": has_image and not alt,
        "It shows a widget that has no static form.": only_live,
        "It is tagged raises-exception but raised none.": (
            "raises-exception" in tags and not has_error
        ),
    }
    return [text for text, holds in found.items() if holds] + noise_of(cell)


def noise_of(cell: NotebookNode) -> list[str]:
    """Return the lines that a cell wrote to stderr, progress bars left out."""
    text = "".join(output.text for output in cell.outputs if output.get("name") == "stderr")
    lines = [line for line in text.splitlines() if line.strip() and not PROGRESS_BAR.search(line)]
    return [f"It writes to stderr: {line}" for line in lines]


def runs_lectures(config: pytest.Config) -> bool:
    """Say whether nbval is switched on."""
    return config.option.nbval or config.option.nbval_lax


def pytest_configure(config: pytest.Config) -> None:
    """Run the lectures as the book shows them, in kernels that are observed."""
    if runs_lectures(config):
        os.environ.update(executions.environment())
        nbval.plugin.RunningKernel = ObservedKernel


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Keep the cells of a lecture on one worker, in their order."""
    return LoadFileScheduling(config, log) if runs_lectures(config) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let nbval compare stored outputs: it takes a missing execution count for "never run"."""
    if isinstance(item, IPyNbCell) and item.cell.outputs:
        item.cell.execution_count = 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Collect what a cell puts out, and fail it for what a page must not show."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    if RUN not in item.parent.stash:
        executions.forget(item.parent.path, item.config.rootpath)
        item.parent.stash[RUN] = LectureRun(item.parent.path, item.config.rootpath)
    run = item.parent.stash[RUN]
    try:
        with run.observing(item.parent.kernel, item.cell_num) as cell:
            result = yield
    except KernelDied as death:
        item.parent.timed_out = True  # nbval then expects the cells after this one to fail
        item.raise_cell_error(str(death))
    problems = problems_of(item.cell, cell)
    if problems:
        item.raise_cell_error(" ".join(problems))
    run.passed += 1
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo
) -> Iterator[pytest.TestReport]:
    """Begin the report of a failed cell with the lecture, the cell's id and the reason."""
    report = yield
    if isinstance(item, IPyNbCell) and report.failed:
        lecture = item.path.relative_to(item.config.rootpath)
        place = f"{lecture}, {item.name} (id {item.cell.get('id')})"
        reason = reason_of(call.excinfo.value) if call.excinfo else "stopped, see below"
        report.longrepr = f"{place}: {reason}\n{report.longrepr}"
    return report


def reason_of(error: BaseException) -> str:
    """Return why a cell failed, in one line: an exception by its last line."""
    traceback = COLOUR.sub("", getattr(error, "inner_traceback", None) or "").split("\n")
    raised = [line for line in traceback if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)]
    return ": ".join([str(error), *raised[-1:]])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last cell of a lecture, while the kernel still lives: store it if all passed."""
    if isinstance(item, IPyNbCell) and (nextitem is None or nextitem.parent is not item.parent):
        run = item.parent.stash.get(RUN, None)
        if run is not None and run.passed == len(run.cells):
            run.store(item.parent)
