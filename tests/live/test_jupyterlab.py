"""The same widgets in a real JupyterLab, where their traits are linked to a kernel."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import expect

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


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves one small notebook."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "live.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root",
         f"--ServerApp.port={port}", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if key != "DLCV_STATIC"},
    )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/api")
        yield f"http://127.0.0.1:{port}/lab/tree/live.ipynb"
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


@pytest.fixture(scope="module")
def page(lab, browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1100})
    page.goto(lab)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("Run All Cells")).first.click()
    page.get_by_text("nothing yet").wait_for(timeout=60_000)
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
