"""The same widgets in a real JupyterLab, where their traits are linked to a kernel."""

import importlib
import os
import pkgutil
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import expect

import dlcv.study.widgets
from dlcv.study.widgets.base import Widget

CELLS = [
    "from dlcv.study import Quiz, explore, right, wrong\n"
    "import matplotlib.pyplot as plt\n"
    "quiz = Quiz('01.live', 'Which?', wrong('One', 'too few'), right('Two', 'enough'))\n"
    "quiz",
    "def draw(width):\n"
    "    figure = plt.figure(figsize=(width, 2))\n"
    "    figure.gca().set_title(f'width {width}')\n"
    "widget = explore(draw, alt='a figure {width} inches wide', width=[2, 3, 4])\n"
    "widget",
    "from ipywidgets import HTML\n"
    "from dlcv.study.widgets.conv_arithmetic import ConvolutionArithmetic\n"
    "arithmetic, echo = ConvolutionArithmetic(width=12, kernel=3), HTML('nothing yet')\n"
    "arithmetic.observe(lambda change: echo.set_trait(\n"
    "    'value', f'Python has a kernel of {change[\"new\"]}'), names='kernel')\n"
    "display(arithmetic, echo)",
]

# One of every widget: module, and how a lecture might make it.
EVERY = {
    "anchor_explorer": "AnchorExplorer()",
    "architecture_explorer": "ArchitectureExplorer({'LeNet-5': lenet5}, {'LeNet-5': 32})",
    "augmentation_bench": "AugmentationBench()",
    "box_bench": "BoxBench()",
    "caption_beam": "CaptionBeam(*captioned_scene())",
    "computation_graph": "ComputationGraph(Value(2.0, name='a') * Value(3.0, name='b'))",
    "conv_arithmetic": "ConvolutionArithmetic()",
    "conv_bench": "ConvolutionBench(simple_patterns())",
    "cost_accuracy": "CostAccuracy(NETWORKS[:2])",
    "detection_cascade": "DetectionCascade(*made_up_cascade(count=8))",
    "detection_explorer": "DetectionExplorer(count=1)",
    "explore": "explore(lambda a: None, alt='nothing {a}', a=[1, 2])",
    "focal_balance": "FocalBalance({'a net': (rand(50), rand(5))})",
    "lenet_viewer": "LeNetViewer(lenet5(), {'blank': torch.zeros(32, 32)})",
    "margin_circle": "MarginCircle()",
    "metric_forces": "MetricForces()",
    "network_playground": "NetworkPlayground()",
    "norm_axes": "NormAxes(torch.rand(2, 4, 3, 3))",
    "optimiser_race": "OptimiserRace()",
    "pair_threshold": "PairThreshold({'a': rand(2)}, tensor([True, False]), [0], FACES)",
    "perceptron_plane": "PerceptronPlane()",
    "proposal_browser": "ProposalBrowser(photos=('coins',))",
    "rate_explorer": "RateExplorer((0.1, 1.0), {('ReLU', 2, arm): rand(2, 3, 4) for arm in ARMS})",
    "roi_bins": "RoiBins()",
    "skip_mixer": "SkipMixer(PICTURE, PICTURE[:, 0], 'a', {'net': [rand(1, 1, 2, 2)]})",
    "sliding_window": "SlidingWindow(SCENE, WindowNet(1), ['fish'], torch.ones(4))",
    "target_grid": "TargetGrid()",
    "task_ladder": "TaskLadder(count=1)",
    "transfer_surface": "TransferSurface({0: {10: (0.5, 0.6)}}, {10: (0.4, 0.5)}, 1)",
    "unpooling_bench": "UnpoolingBench()",
    "unrolled_cell": "UnrolledCell()",
    "window_cost": "WindowCost()",
    "worker_timeline": "WorkerTimeline()",
    "yolo_grid": "YoloGrid(torch.zeros(1, 3, 8, 8).byte(), rand(1, 2, 2, 11), [EMPTY], ['a'])",
}
IMPORTS = (
    "\n".join(f"from dlcv.study.widgets.{module} import *" for module in EVERY)
    + """
import torch
from torch import rand, tensor, uint8, zeros
from dlcv.classification.classic import lenet5
from dlcv.classification.published import NETWORKS
from dlcv.detection.overfeat import WindowNet
from dlcv.scratch.autograd import Value
from dlcv.study.widgets.rate_explorer import ARMS
PICTURE = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
EMPTY = {'boxes': torch.zeros(0, 4), 'labels': torch.zeros(0)}
from dlcv.captioning.captioner import Captioner
from dlcv.captioning.vocabulary import Vocabulary

def captioned_scene():
    words = Vocabulary(["a red fish"])
    captioner = Captioner(len(words), channels=4).eval()
    return captioner, words, torch.zeros(1, 3, 8, 8).byte(), rand(1, 16, 4), ["a red fish"]
SCENE = torch.zeros(3, 64, 64, dtype=torch.uint8)
FACES = zeros(2, 3, 8, 8, dtype=uint8)
"""
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves two small notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    settings = tmp_path_factory.mktemp("settings")
    notebooks = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    notebooks.parent.mkdir(parents=True)
    notebooks.write_text('{"windowingMode": "none"}')  # cells out of sight are laid out as well
    every = [IMPORTS, *EVERY.values(), "print('all of', 'them')"]
    for name, sources in (("live", CELLS), ("every", every)):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root",
         f"--ServerApp.port={port}", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
         f"--LabApp.user_settings_dir={settings}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if key != "DLCV_STATIC"},
    )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/api")
        yield f"http://127.0.0.1:{port}/lab"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=2)
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(f"expected an answer from {address} within a minute, got none")


def run_all_cells(page, lab: str, name: str, last_words: str) -> None:
    # In a workspace of its own, or it would open what the other page has open as well.
    page.goto(f"{lab}/workspaces/{name}/tree/{name}.ipynb")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("Run All Cells")).first.click()
    page.get_by_text(last_words).wait_for(timeout=90_000)


@pytest.fixture(scope="module")
def page(lab, browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1100})
    run_all_cells(page, lab, "live", "nothing yet")
    yield page
    page.close()


def test_a_quiz_answers_live(page):
    page.get_by_role("button", name="One").click()
    expect(page.get_by_text("Not this one. too few")).to_be_visible()
    page.get_by_role("button", name="Two").click()
    expect(page.get_by_text("Right. enough")).to_be_visible()


def test_a_slider_calls_python_again(page):
    picture = page.locator(".dlcv-widget .picture")
    expect(picture).to_have_attribute("alt", "a figure 3 inches wide")
    before = picture.get_attribute("src")
    page.get_by_label("width").focus()
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "a figure 4 inches wide", timeout=20_000)
    assert picture.get_attribute("src") != before


def test_a_move_on_the_page_reaches_python(page):
    page.locator(".conv-arithmetic").get_by_role("slider", name="Kernel").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Python has a kernel of 4")).to_be_visible(timeout=20_000)


def every_widget() -> set[str]:
    """The modules of the package's widgets; quizzes and hints lie elsewhere."""
    package = dlcv.study.widgets.__name__
    for module in pkgutil.iter_modules(dlcv.study.widgets.__path__):
        importlib.import_module(f"{package}.{module.name}")
    found = [cls.__module__ for cls in Widget.__subclasses__() if cls.module]
    return {name.rpartition(".")[2] for name in found if name.rpartition(".")[0] == package}


def test_the_list_holds_every_widget():
    assert set(EVERY) == every_widget()


def test_every_widget_opens_live(lab, browser):
    page, troubles = browser.new_page(viewport={"width": 1200, "height": 1100}), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    run_all_cells(page, lab, "every", "all of them")
    widgets = page.locator(".jp-OutputArea-output .dlcv-widget")
    expect(widgets).to_have_count(len(EVERY), timeout=30_000)
    for i in range(len(EVERY)):
        assert widgets.nth(i).bounding_box()["height"] > 40, f"widget {i} is empty"
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert not troubles
    page.close()
