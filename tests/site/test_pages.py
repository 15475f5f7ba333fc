"""Every page: fits the screen, makes no noise, asks nobody else, is accessible, links hold."""

import html.parser
import re
import urllib.parse

import pytest
from built_site import ROOT, SITE, lecture_pages, lectures, pages

PAGES = pages()
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def test_the_site_is_built():
    assert "index.html" in PAGES, "run `make book` first"
    assert lecture_pages() == [f"lectures/{name}.html" for name in lectures()]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(visit, path):
    page = visit(path)
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        content = page.evaluate("document.documentElement.scrollWidth")
        assert content <= width, f"{path} is {content} px wide on a screen of {width} px"


@pytest.mark.parametrize("path", PAGES)
def test_pages_work_from_files(visit, path):
    page = visit(path, from_file=True)
    page.wait_for_load_state("networkidle")
    assert page.title()
    dead = page.locator(".dlcv-output .dlcv-widget:not([data-ready])")
    assert dead.count() == 0, "a widget did not start"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(visit, path, theme):
    page = visit(path, color_scheme=theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.wait_for_timeout(300)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [
        f"{v['id']}: {node['html'][:160]} | {node.get('failureSummary', '')[:200]}"
        for v in found
        if v["impact"] in {"serious", "critical"}
        for node in v["nodes"]
    ]
    assert not serious, "\n".join(serious)


class _Links(html.parser.HTMLParser):
    """Collects the anchors that a page has and the links that leave from it."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed((SITE / path).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values.get("id"), values.get("name") if tag == "a" else None} - {None}
        for name in ("href", "src"):
            if values.get(name):
                self.links.append(values[name])


@pytest.fixture(scope="module")
def anchors():
    return {path: _Links(path).anchors for path in PAGES}


@pytest.mark.parametrize("path", PAGES)
def test_internal_links_and_anchors_resolve(path, anchors):
    broken = []
    for link in _Links(path).links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (
            (SITE / path).parent / urllib.parse.unquote(parts.path) if parts.path else SITE / path
        )
        target = target.resolve()
        if not target.is_file():
            broken.append(link)
            continue
        name = str(target.relative_to(SITE))
        fragment = urllib.parse.unquote(parts.fragment)
        if fragment and name in anchors and fragment not in anchors[name]:
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("path", PAGES)
def test_every_picture_says_what_it_shows(path):
    class Images(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            values = dict(attributes)
            if tag == "img":
                alt = values.get("alt")
                assert alt is not None, f"{path}: {values.get('src', '')[:80]} has no alt text"
                assert not alt.startswith("_images/"), f"{path}: {alt} is a file name"
                assert not alt.endswith((".png", ".svg", ".webp")), f"{path}: {alt} is a file name"

    Images().feed((SITE / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PAGES)
def test_no_table_is_left_as_it_was_typed(path):
    text = (SITE / path).read_text("utf-8")
    assert not re.findall(r"<p>\s*\|.*", text)


@pytest.mark.parametrize("path", lecture_pages())
def test_no_output_is_an_object_that_tells_nothing(path):
    text = (SITE / path).read_text("utf-8")
    assert not re.findall(r"&lt;[\w.]+[^&]{0,40} at 0x[0-9a-f]+&gt;|&lt;Axes: ", text)


@pytest.mark.parametrize("path", lecture_pages())
def test_a_shared_lecture_shows_its_title_and_first_words(path):
    text = (SITE / path).read_text("utf-8")
    card = dict(re.findall(r'<meta property="og:(\S+)" content="([^"]*)"', text))
    title = re.search(r"<h1>(.*?)<", text)[1]
    assert card["title"] == title
    assert card["url"].endswith(path)
    assert (SITE / "_static" / card["image"].rpartition("/")[2]).is_file()
    assert re.search(r'<meta name="description" content="(.+?)"', text)[1] == card["description"]
    assert len(card["description"]) > 60


def test_search_finds_a_lecture(visit):
    page = visit("search.html?q=perceptron")
    page.locator("#search-results li").first.wait_for(timeout=10_000)
    assert page.locator("#search-results a", has_text="erceptron").count() >= 1


def test_the_theme_can_be_chosen(visit):
    page = visit("index.html", color_scheme="light", viewport={"width": 1280, "height": 900})
    seen = set()
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.mode"))
    assert seen == {"light", "dark", "auto"}


@pytest.mark.parametrize("path", lecture_pages())
def test_a_lecture_can_be_opened_elsewhere(path):
    text = (SITE / path).read_text(encoding="utf-8")
    name = path.removesuffix(".html")
    assert "https://colab.research.google.com/github/" in text
    assert f"/{name}.ipynb" in text
    notebook = SITE / "_sources" / f"{name}.ipynb"
    assert notebook.read_text(encoding="utf-8") == (ROOT / f"{name}.ipynb").read_text("utf-8")
