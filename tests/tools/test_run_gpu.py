"""`make gpu`, as far as a machine without a GPU can tell."""

import subprocess
import sys
import time

import nbformat
import pytest
import torch

from tools import run_gpu, run_tests
from tools.executions import ROOT, lectures
from tools.run_gpu import Job, lecture_job, plan, run_all, seed_of, table, test_job, watching
from tools.run_tests import Result, Stage

test_job.__test__ = False  # a function of that module, not a test


def names(jobs):
    return [job.stage.name for job in jobs]


def test_the_plan_holds_gpu_tests_all_lectures_the_chosen_ones_large_and_the_benchmarks():
    jobs = plan(["04_convolutions", "08_gpu_and_distributed"])
    quick = [f"{path.stem}-quick" for path in lectures()]
    large = ["04_convolutions-full", "08_gpu_and_distributed-full"]
    assert names(jobs)[: len(quick) + 3] == ["CPU-GPU", *quick, *large]
    benchmarks = names(jobs)[len(quick) + 3 :]
    assert "systems" in benchmarks
    assert "site" not in benchmarks
    for name in benchmarks:
        assert (ROOT / "benchmarks" / f"{name}.py").exists()
    assert {job.scale for job in jobs} == {"–", "quick", "full"}
    assert "DLCV_SCALE=full" in jobs[len(quick) + 1].stage.command


def test_a_lecture_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"among 00_orientation, .*, got 99_nothing$"):
        plan(["99_nothing"])


def test_exactly_the_tests_with_the_marker_are_chosen():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "cuda"]
    files = ["tests/detection/test_boxes.py", "tests/data/test_batches.py"]
    listed = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True).stdout
    expected = sum((ROOT / file).read_text().count("@pytest.mark.cuda") for file in files)
    assert expected >= 2
    assert listed.count("::") >= expected
    jobs = plan([])
    assert jobs[0].stage.command[-3:] == ["-m", "cuda", "tests"]


def test_no_test_decides_by_itself_that_there_is_no_gpu():
    """They carry the marker, or `make gpu` would miss them."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path.name != "test_run_gpu.py":
            assert "skipif(not torch.cuda" not in path.read_text(), path


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so nothing is refused")
def test_without_a_gpu_it_says_what_it_needs_and_fails(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run_gpu"])
    with pytest.raises(
        SystemExit, match=r"needs a machine with an NVIDIA GPU .* sees none here\.$"
    ):
        run_gpu.main()


def test_a_plan_alone_can_be_read_anywhere(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["run_gpu", "--plan", "04_convolutions"])
    run_gpu.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["CPU-GPU", "–"]
    assert ["04_convolutions-full", "full"] in [line.split() for line in lines]


def test_the_seed_is_read_from_the_setup_cell():
    assert {seed_of(path.stem) for path in lectures()} == {"0"}


def test_a_test_file_and_a_notebook_run_through_the_same_code_as_on_a_gpu(tmp_path, monkeypatch):
    for module in (run_gpu, run_tests):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path / "reports")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nbval-cell-timeout=60\n")
    (tmp_path / "test_two.py").write_text("def test_a(): pass\ndef test_b(): assert 1 == 2\n")
    (tmp_path / "lectures").mkdir()
    cell = "seed_everything = print\nseed_everything(3)\nimport os\nassert os.environ['DLCV_SCALE']"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "lectures" / "01_small.ipynb")
    jobs = [test_job("two", "test_two.py"), lecture_job("01_small", "full")]
    rows = run_all(jobs)
    assert [(r.passed, r.failed) for _, r, _ in rows] == [(1, 1), (1, 0)]
    lines = table(rows).splitlines()
    assert "test_two test_b: assert 1 == 2" in lines[1]
    assert lines[-2].split()[:7] == ["01_small-full", "full", "3", "1", "1", "0", "0"]
    assert lines[-1] == "2 passed, 1 failed"


def test_the_table_in_full():
    rows = [
        (Job(Stage("CPU-GPU", [])), Result(30, 1, 2, 12.4, ["test_x: differs"]), 1234.4),
        (Job(Stage("04-quick", []), "quick", "0"), Result(40, 0, 0, 61.0), float("nan")),
    ]
    lines = table(rows).splitlines()
    assert lines[1] == "test_x: differs"
    assert f"torch {torch.__version__}" in lines[2]
    assert "Python 3" in lines[2]
    assert lines[3:] == [
        "what      scale  seed   n  passed  failed  skipped  seconds  GPU MiB",
        "CPU-GPU       –   own  33      30       1        2       12     1234",
        "04-quick  quick     0  40      40       0        0       61        –",
        "70 passed, 1 failed",
    ]


def test_the_peak_is_the_largest_that_was_seen_above_what_was_there_before(monkeypatch):
    monkeypatch.setattr(run_gpu, "INTERVAL_S", 0.001)
    used = iter([100.0, 150.0, 400.0])
    with watching(lambda: next(used, 120.0)) as peaks:
        deadline = time.monotonic() + 20
        while len(peaks) < 6 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert peaks[-1] == 300.0
