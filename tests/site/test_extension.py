"""The book's own Sphinx extensions, each by itself."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

sys.path.append(str(Path(__file__).resolve().parents[2] / "book" / "_ext"))

import book_address
import book_card
import book_cells
import book_course
import book_figures
import book_katex
import book_pages
import book_roles

BOOK = Path(__file__).resolve().parents[2] / "book"
KATEX = BOOK.parent / "node_modules" / "katex" / "dist"

# Addresses, and what is shown where they are shared


@pytest.mark.parametrize(
    ("paragraphs", "words"),
    [
        (["", "Two  words,\nand more."], "Two words, and more."),
        (["word " * 50], "word " * 35 + "…"),
        ([], ""),
    ],
)
def test_a_page_is_described_by_its_first_words(paragraphs, words):
    page = nodes.document(None, None)
    page += [nodes.paragraph("", text) for text in paragraphs]
    assert book_card.first_words(page) == words


def test_the_site_of_a_repository_is_a_folder_of_its_owners_pages():
    address = book_address.site_address("https://github.com/Some-Body/a.book")
    assert address == "https://some-body.github.io/a.book/"


def test_a_repository_named_after_its_owners_pages_is_the_whole_site():
    url = "https://github.com/somebody/somebody.github.io"
    assert book_address.site_address(url) == "https://somebody.github.io/"


def test_colab_opens_a_notebook_of_the_repository():
    link = book_address.colab_address("https://github.com/a/b.git", "main", "lectures/x.ipynb")
    assert link == "https://colab.research.google.com/github/a/b/blob/main/lectures/x.ipynb"


@pytest.mark.parametrize(
    "url", ["https://gitlab.com/a/b", "https://github.com/a", "https://github.com/a/b/c", ""]
)
def test_other_addresses_are_refused(url):
    with pytest.raises(ConfigError, match=r"expected https://github\.com/OWNER/NAME, got"):
        book_address.site_address(url)


# Mathematics


def test_a_formula_becomes_html_with_mathml_inside():
    html, complaint = book_katex.render(r"\frac{1}{2}", False, {}, KATEX)
    assert complaint == ""
    assert 'class="katex"' in html
    assert "<mfrac>" in html
    assert "katex-display" not in html


def test_several_lines_are_aligned():
    html, complaint = book_katex.render(r"a &= b \\ c &= d", True, {}, KATEX)
    assert complaint == ""
    assert html.count("<mtr>") == 2


def test_macros_stand_for_what_they_are_told_to():
    html, complaint = book_katex.render(r"\R", False, {r"\R": r"\mathbb{R}"}, KATEX)
    assert complaint == ""
    assert "ℝ" in html or "mathbb" in html


@pytest.mark.parametrize("tex", [r"\undefined{x}", r"\frac{1}{", "x = é"])
def test_what_katex_does_not_understand_is_shown_and_reported(tex):
    html, complaint = book_katex.render(tex, False, {}, KATEX)
    assert "KaTeX parse error" in complaint
    assert html


def test_a_missing_katex_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected KaTeX in .*make setup"):
        book_katex.render("x", False, {}, tmp_path)


@pytest.mark.parametrize(("tex", "has_warning"), [(r"\R^2", False), (r"\unknown", True)])
def test_an_unknown_macro_is_a_warning_of_the_build(tmp_path, tex, has_warning):
    source, out, said = tmp_path / "source", tmp_path / "out", io.StringIO()
    source.mkdir()
    (source / "index.rst").write_text(f"Title\n=====\n\nSee :math:`{tex}`.\n", "utf-8")
    settings = {
        "extensions": ["book_katex"],
        "html_math_renderer": "katex",
        "katex_dist": str(KATEX),
        "katex_macros": {r"\R": r"\mathbb{R}"},
    }
    app = Sphinx(source, None, out, out / "doc", "html", settings, None, said)
    app.build()
    assert (app.statuscode, "KaTeX parse error" in said.getvalue()) == (0, has_warning)
    assert 'class="katex' in (out / "index.html").read_text("utf-8")
    assert (out / "_static" / "katex" / "katex.min.css").is_file()
    assert list((out / "_static" / "katex" / "fonts").glob("*.woff2"))


# Pages


def test_only_the_first_of_equal_scripts_stays():
    one = '<script data-dlcv="quiz-1">a()</script>'
    two = '<style data-dlcv="css-2">p {}</style>'
    html = f"{two}{one}<p>x</p>{two}{one}<script>b()</script>{one}"
    assert book_pages.drop_repeats(html) == f"{two}{one}<p>x</p><script>b()</script>"


def test_pages_load_what_their_text_needs():
    assert book_pages.is_needed("_static/book.css", "")
    assert book_pages.is_needed("katex/katex.min.css", '<span class="katex">')
    assert not book_pages.is_needed("katex/katex.min.css", "<p>no formula</p>")
    assert not book_pages.is_needed("https://cdn.example/require.min.js", "require")


def test_rules_for_foreign_components_go_and_the_rest_of_the_sheet_stays():
    css = ".a,.carousel-item{x:1}.carousel{y:2}@media print{.fa-eye{z:3}.b{w:4}}.facade{v:5}"
    slim = ".a{x:1}@media print{.b{w:4}}.facade{v:5}"
    assert book_pages.drop_foreign_rules(css) == slim
    assert book_pages.drop_foreign_rules(slim) == slim


# Cells


def make_cell(code, html="", *, is_folded=False, image=None):
    source = nodes.container("", nodes.literal_block(code, code), nb_element="cell_code_source")
    output = nodes.container("", nb_element="cell_code_output")
    if html:
        output += nodes.raw("", html, format="html")
    if image is not None:
        output += image
    metadata = {"jupyter": {"source_hidden": True}} if is_folded else {}
    return nodes.container("", source, output, nb_element="cell_code", cell_metadata=metadata)


QUIZ = '<div class="dlcv-widget" data-widget="quiz"></div>'


@pytest.mark.parametrize("name", ["quiz", "numeric", "hints"])
def test_the_code_behind_a_folded_question_does_not_show(name):
    cell = make_cell("Quiz(...)", QUIZ.replace('"quiz"', f'"{name}"'), is_folded=True)
    book_cells.arrange(cell)
    assert [child["nb_element"] for child in cell.children] == ["cell_code_output"]


def test_other_code_stays():
    open_quiz = make_cell("Quiz(...)", QUIZ)
    widget = make_cell("Plane()", QUIZ.replace('"quiz"', '"perceptron_plane"'), is_folded=True)
    for cell in (open_quiz, widget):
        book_cells.arrange(cell)
        assert len(cell.children) == 2
        assert "hide_mode" not in cell


def test_the_setup_cell_is_folded():
    cell = make_cell("# Setup: the same in all\nimport dlcv")
    book_cells.arrange(cell)
    assert (cell["hide_mode"], cell["prompt_show"]) == ("input", "Setup")


@pytest.mark.parametrize(("alt", "count"), [("Two clouds of points.", 0), (None, 1)])
def test_a_figure_without_a_text_is_reported(monkeypatch, alt, count):
    said = []
    monkeypatch.setattr(book_cells.log, "warning", lambda text, **where: said.append(text))
    image = nodes.image(uri="plot.png", **({"alt": alt} if alt else {}))
    book_cells.arrange(make_cell("plot()", image=image))
    assert len(said) == count


# Figures


def save_image(pixels, file):
    Image.fromarray(pixels.astype(np.uint8)).save(file)
    return file


def test_a_plot_loses_weight_and_nothing_else(tmp_path):
    pixels = np.full((120, 200, 3), 255)
    pixels[60, 20:180] = (0, 114, 178)
    file = save_image(pixels, tmp_path / "plot.png")
    slim = book_figures.to_webp(file)
    assert len(slim) < file.stat().st_size
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(slim)).convert("RGB")), pixels)


def test_a_photograph_loses_most_of_its_weight(tmp_path):
    noise = np.random.default_rng(0).normal(128, 20, (120, 200, 3)).clip(0, 255)
    file = save_image(noise, tmp_path / "photo.png")
    slim = book_figures.to_webp(file)
    assert len(slim) < file.stat().st_size / 3
    assert Image.open(io.BytesIO(slim)).size == (200, 120)


def test_sizes_are_attributes_so_that_the_place_is_kept():
    context = {"body": '<img style="width: 640px; height: 200px;" />'}
    book_figures.size_as_attributes(None, "page", "page.html", context, None)
    assert context["body"] == '<img width="640" height="200" />'


# Course


def write_notebook(file, *cells):
    content = [{"cell_type": kind, "source": [text]} for kind, text in cells]
    file.write_text(json.dumps({"cells": content}), "utf-8")
    return file


def test_questions_and_exercises_are_counted_in_the_notebook(tmp_path):
    notebook = write_notebook(
        tmp_path / "x.ipynb",
        ("markdown", 'Not a question: Quiz("09.text", …)'),
        ("code", 'Quiz(\n    "09.first", "What?", right("a", "b"))'),
        ("code", 'hints("09.do_it")'),
        ("code", 'Numeric("09.second", "How many?", answer=1)\ncheck("09.do_it", ...)'),
    )
    tasks = {"quiz": ["09.first", "09.second"], "exercise": ["09.do_it"]}
    assert book_course.tasks_of(notebook) == tasks


def test_every_planned_lecture_has_its_own_drawing_and_sentence():
    lectures = [lecture for part in book_course.read_course(BOOK) for lecture in part["lectures"]]
    planned = [lecture for lecture in lectures if lecture["about"]]
    assert len(planned) >= 17
    assert len({lecture["glyph"] for lecture in planned}) == len(planned)
    assert len({lecture["number"] for lecture in lectures}) == len(lectures)


def test_a_lecture_that_is_not_planned_is_on_the_map_too(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "lectures").mkdir()
    for name in ("course.yml", "glyphs.svg"):
        (tmp_path / "book" / name).write_text((BOOK / name).read_text("utf-8"), "utf-8")
    write_notebook(tmp_path / "lectures" / "16_depth.ipynb", ("markdown", "# Depth\n\nFar?"))
    last = book_course.read_course(tmp_path / "book")[-1]["lectures"][-1]
    assert (last["number"], last["title"]) == ("16", "Depth")
    assert last["glyph"]


# Numbers


def test_facts_are_printed_as_people_write_numbers():
    assert book_roles.fact_text("L00-COCO-TOTAL") == "328,000"
    assert book_roles.fact_text("L00-HUMAN-A1") == "5.1"
    with pytest.raises(KeyError):
        book_roles.fact_text("L00-NONE")
