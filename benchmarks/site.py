"""The budgets of the book, measured: lectures, pages, widgets and, if asked for, the build.

python -m benchmarks.site                  what takes about a minute
python -m benchmarks.site --build          and the site's build, cold and after a change of prose
python -m benchmarks.site --readme         and the table goes into README.md
"""

import argparse
import functools
import gzip
import http.server
import io
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tools.ensure_browser import ARGUMENTS, browser_path
from tools.executions import ROOT, lectures, read_record
from tools.repository import files

SITE = ROOT / "_build" / "html"
TEXT = {".html", ".css", ".js", ".svg", ".json", ".xml", ".ipynb"}
LOADS = 3  # the median of so many
SLOWDOWN = 4  # times, of the processor
MARKS = re.compile(r"(<!-- budgets -->\n).*?(<!-- /budgets -->)", re.DOTALL)

LCP = """() => new Promise(resolve => {
  const watch = new PerformanceObserver(list => resolve(list.getEntries().at(-1).startTime));
  watch.observe({type: "largest-contentful-paint", buffered: true});
})"""

LOAD_PICTURES = """() => Promise.all([...document.images].map(image => {
  image.loading = "eager";
  return image.decode();
}))"""

# Moves every slider, points everywhere, chooses all, takes steps: one frame's work at a time.
FRAMES = """widget => {
  const times = [];
  const frame = (act) => {
    const start = performance.now();
    act();
    widget.getBoundingClientRect();
    times.push(performance.now() - start);
  };
  const tenths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(step => step / 9);
  for (const slider of widget.querySelectorAll("input[type=range]")) {
    for (const share of tenths) frame(() => {
      slider.value = +slider.min + share * (slider.max - slider.min);
      slider.dispatchEvent(new Event("input", {bubbles: true}));
    });
  }
  for (const surface of widget.querySelectorAll("svg, canvas")) {
    const {left, top, width, height} = surface.getBoundingClientRect();
    for (const share of tenths) {
      const place = {clientX: left + width * share, clientY: top + height * share};
      const event = new PointerEvent("pointermove", {bubbles: true, pointerId: 1, ...place});
      frame(() => surface.dispatchEvent(event));
    }
  }
  const choices = widget.querySelectorAll("input[type=radio], input[type=checkbox]");
  for (const choice of choices) frame(() => choice.click());
  const steps = [...widget.querySelectorAll("button")];
  for (const step of steps.filter(button => /^(Step|Next|Again)/.test(button.textContent))) {
    for (const share of tenths) frame(() => step.click());
  }
  return times;
}"""


class Row(NamedTuple):
    """One line of the table."""

    what: str
    measured: str
    budget: str
    holds: bool


class Compressed(http.server.SimpleHTTPRequestHandler):
    """Serves texts compressed, as the site's real host does."""

    def send_head(self):
        """Headers and body of a file."""
        path = Path(self.translate_path(self.path))
        if path.suffix not in TEXT or not path.is_file():
            return super().send_head()
        body = gzip.compress(path.read_bytes(), 6, mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)

    def log_message(self, *args):
        """Says nothing."""


def row(what: str, value: float, budget: float, unit: str, digits: int = 0) -> Row:
    """A line whose value must not exceed its budget."""
    return Row(what, f"{value:,.{digits}f} {unit}", f"≤ {budget:g} {unit}", value <= budget)


def lecture_rows() -> list[Row]:
    """Seconds and peak memory of the lectures, as the test run noted them."""
    records = {lecture.stem: read_record(lecture) for lecture in lectures()}
    missing = [name for name, record in records.items() if record is None]
    if missing:
        sys.exit(f"These lectures have not passed yet, run make book: {', '.join(missing)}.")
    for name, record in records.items():
        print(f"{name}: {record['seconds']:.1f} s, {record['peak_memory_mib']:,} MiB")
    seconds = [record["seconds"] for record in records.values()]
    peak = max(record["peak_memory_mib"] for record in records.values())
    return [
        row("a lecture, median", statistics.median(seconds), 60, "s", 1),
        row("a lecture, slowest", max(seconds), 120, "s", 1),
        row("a lecture, peak memory", peak / 1024, 3, "GiB", 2),
        row("all lectures, two at a time", by_two_workers(seconds) / 60, 15, "min", 1),
    ]


def by_two_workers(seconds: list[float]) -> float:
    """Seconds until all are done if each goes, in this order, to the worker that is free first."""
    workers = [0.0, 0.0]
    for duration in seconds:
        workers = sorted((workers[0] + duration, workers[1]))
    return workers[1]


def load(browser: Browser, address: str, slowdown: int = 1) -> tuple[Page, list[str], list[int]]:
    """Opens a page with an empty cache; returns it with the addresses and bytes it fetched."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    asked, received = [], []
    page.on("request", lambda request: asked.append(request.url))
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    response = page.goto(address, wait_until="load")
    if not response.ok:
        sys.exit(f"The site lacks {address}, run make book.")
    return page, asked, received


def close(page: Page) -> None:
    """Closes a page once all its pictures are there, so that no transfer is cut short."""
    page.evaluate(LOAD_PICTURES)
    page.wait_for_timeout(100)  # the last message about bytes received
    page.context.close()


def weigh(browser: Browser, home: str, path: str) -> tuple[float, int]:
    """KB that a page transfers, all its figures included, and requests that leave the site."""
    page, asked, received = load(browser, f"{home}/{path}")
    close(page)
    foreign = [url for url in asked if not url.startswith((home, "data:", "blob:"))]
    return sum(received) / 1000, len(foreign)


def first_sight(browser: Browser, address: str) -> float:
    """Seconds until the largest part in view is painted, processor slowed down, median."""
    times = []
    for _ in range(LOADS):
        page, _, _ = load(browser, address, SLOWDOWN)
        times.append(page.evaluate(LCP) / 1000)
        close(page)
    return statistics.median(times)


def frame_times(browser: Browser, address: str) -> dict[str, list[float]]:
    """Milliseconds that each kind of widget needs to follow one movement of the reader."""
    page, _, _ = load(browser, address)
    page.emulate_media(reduced_motion="reduce")
    times = {}
    for widget in page.query_selector_all(".dlcv-widget[data-ready]"):
        kind = widget.get_attribute("data-widget")
        times[kind] = times.get(kind, []) + widget.evaluate(FRAMES)
    close(page)
    return times


def site_rows() -> list[Row]:
    """Weight, requests, first sight and widgets of the first page and every lecture."""
    paths = ["index.html", *(f"lectures/{lecture.stem}.html" for lecture in lectures())]
    handler = functools.partial(Compressed, directory=str(SITE))
    weights, foreign, sights, frames = {}, 0, {}, {}
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_address[1]}"
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        for path in paths:
            weights[path], leaving = weigh(browser, home, path)
            foreign += leaving
            sights[path] = first_sight(browser, f"{home}/{path}")
            for kind, times in frame_times(browser, f"{home}/{path}").items():
                frames.setdefault(kind, []).extend(times)
            print(f"{path}: {weights[path]:.0f} KB, first sight {sights[path]:.2f} s")
        browser.close()
        server.shutdown()
    for kind, times in frames.items():
        if times:
            print(f"{kind}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")
    slowest = max(statistics.median(times) for times in frames.values() if times)
    return [
        row("the heaviest page, compressed, with all figures", max(weights.values()), 600, "KB"),
        row("requests to third parties", foreign, 0, ""),
        row(
            f"largest contentful paint, {SLOWDOWN}× slower processor",
            max(sights.values()),
            1.5,
            "s",
            2,
        ),
        row("the slowest widget, a frame", slowest, 16, "ms", 1),
    ]


def build_seconds(root: Path) -> float:
    """Seconds that the build takes in a copy of the project."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "tools.build_site"]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def build_rows() -> list[Row]:
    """Builds a copy of the project from cached outputs: all of it, then after a change of prose."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for file in files():
            target = root / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
        shutil.copytree(ROOT / "_build" / "lectures", root / "_build" / "lectures")
        (root / "node_modules").symlink_to(ROOT / "node_modules")
        cold = build_seconds(root)
        lecture = lectures(root)[0]
        notebook = json.loads(lecture.read_text("utf-8"))
        notebook["cells"][0]["source"] += ["\n\nOne more sentence."]
        lecture.write_text(json.dumps(notebook), "utf-8")
        warm = build_seconds(root)
    return [
        row("the site from cached outputs", cold, 60, "s", 1),
        row("the site after a change of prose", warm, 15, "s", 1),
    ]


def as_markdown(rows: list[Row]) -> str:
    """The table."""
    lines = ["| what | measured | budget | holds |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.measured} | {r.budget} | {'✓' if r.holds else '✗'} |" for r in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures, prints, and fails where a budget does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", action="store_true", help="also build a copy of the project")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    options = parser.parse_args()
    rows = [*lecture_rows(), *(build_rows() if options.build else []), *site_rows()]
    table = as_markdown(rows)
    print(f"\n{table}")
    if options.readme:
        readme = ROOT / "README.md"
        readme.write_text(MARKS.sub(rf"\1\n{table}\n\2", readme.read_text("utf-8")), "utf-8")
    broken = [r.what for r in rows if not r.holds]
    if broken:
        sys.exit(f"Over budget: {'; '.join(broken)}.")


if __name__ == "__main__":
    main()
