"""Draws the card shown where a link to the book is shared, and photographs the first page.

python -m book.pictures card          writes book/_static/social-card.png
python -m book.pictures screenshot    writes book/screenshot.png, from the built site
"""

import sys
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image
from playwright.sync_api import sync_playwright

from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from tools.ensure_browser import ARGUMENTS, browser_path

BOOK = Path(__file__).parent
SITE = BOOK.parent / "_build" / "html"
SEA = "#0d3b66"


def draw_card() -> bytes:
    """A scene with its boxes, the title and one sentence, 1200 by 630 px."""
    scene = render_scenes(1, seed=10, start=26, config=SceneConfig(size=630, noise=0.0))
    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=SEA)
    axes = figure.add_axes((570 / 1200, 0, 630 / 1200, 1))
    axes.imshow(scene.images[0].permute(1, 2, 0))
    axes.set_axis_off()
    target = scene.targets()[0]
    chip = {"facecolor": "white", "edgecolor": "none", "pad": 4}
    for (x1, y1, x2, y2), label in zip(target["boxes"].tolist(), target["labels"], strict=True):
        axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, lw=4, ec="white"))
        axes.text(x1 + 4, y1 - 12, KINDS[label], size=17, family="monospace", bbox=chip)
    words = {"color": "white", "family": "serif", "va": "top"}
    figure.text(0.045, 0.78, "Learning\nto See", size=66, weight="bold", linespacing=1.05, **words)
    sentence = "Deep learning in computer vision,\nan interactive course book"
    figure.text(0.048, 0.36, sentence, size=20, linespacing=1.5, **words)
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def take_screenshot() -> bytes:
    """The first page, asked its fifth question."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 1080}, color_scheme="light")
        page.goto((SITE / "index.html").as_uri())
        page.get_by_role("radio", name="Which pixels are whose?").check()
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)  # until the masks have appeared
        picture = page.screenshot()
        browser.close()
    return picture


def save(picture: bytes, file: Path) -> None:
    """Writes a picture as PNG with a palette: a third of the bytes."""
    Image.open(BytesIO(picture)).convert("RGB").quantize(256).save(file, optimize=True)


if __name__ == "__main__":
    if sys.argv[1] == "card":
        save(draw_card(), BOOK / "_static" / "social-card.png")
    else:
        save(take_screenshot(), BOOK / "screenshot.png")
