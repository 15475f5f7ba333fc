"""The map of the course, and what a reader has done of it."""

import json
import re
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from book_address import colab_address

QUIZ = re.compile(r'\b(?:Quiz|Numeric)\(\s*"([^"]+)"')
EXERCISE = re.compile(r'\bhints\(\s*"([^"]+)"')
GLYPH = re.compile(r'<symbol id="([^"]+)">(.*?)</symbol>', re.DOTALL)


def read_course(book: Path) -> list[dict]:
    """The parts of the course with their lectures, each with its number and drawing.

    Args:
        book: the folder of course.yml and glyphs.svg; the notebooks lie beside it in lectures/.

    Returns:
        The parts as in course.yml; notebooks that it does not list are added to the last part.
    """
    parts = yaml.safe_load((book / "course.yml").read_text(encoding="utf-8"))
    glyphs = dict(GLYPH.findall((book / "glyphs.svg").read_text(encoding="utf-8")))
    listed = {lecture["name"] for part in parts for lecture in part["lectures"]}
    for notebook in sorted((book.parent / "lectures").glob("*.ipynb")):
        if notebook.stem not in listed:
            lecture = {"name": notebook.stem, "title": title_of(notebook), "about": ""}
            parts[-1]["lectures"].append(lecture)
    for lecture in (lecture for part in parts for lecture in part["lectures"]):
        lecture["number"] = lecture["name"].split("_")[0]
        lecture["glyph"] = glyphs.get(lecture["name"], glyphs["other"])
    return parts


def title_of(notebook: Path) -> str:
    """The first heading of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")


def tasks_of(notebook: Path) -> dict[str, list[str]]:
    """The ids of a lecture's questions and exercises, as its notebook asks them.

    Returns:
        ``{"quiz": [...], "exercise": [...]}``, in the order of the notebook.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return {"quiz": QUIZ.findall(code), "exercise": EXERCISE.findall(code)}


class CourseMap(SphinxDirective):
    """``{course-map}`` draws all parts and lectures; those already written are links."""

    def run(self):
        """Reads the course; a new lecture in the folder makes the page outdated."""
        folder = Path(self.env.srcdir, "book")
        for name in ("course.yml", "glyphs.svg"):
            self.env.note_dependency(str(folder / name))
        parts = "".join(self.part(part) for part in read_course(folder))
        return [nodes.raw("", f'<div class="course-map">{parts}</div>', format="html")]

    def part(self, part: dict) -> str:
        """One part: a heading, and its lectures along a route."""
        stations = "".join(self.lecture(lecture) for lecture in part["lectures"])
        return (
            f'<section class="course-part"><h3>{escape(part["title"])}</h3>'
            f"<p>{escape(part['about'])}</p><ol>{stations}</ol></section>"
        )

    def lecture(self, lecture: dict) -> str:
        """One lecture: a link with the reader's progress, or a note that it is being written."""
        docname = f"lectures/{lecture['name']}"
        number, title = lecture["number"], escape(lecture["title"])
        if is_written := docname in self.env.found_docs:
            uri = self.env.app.builder.get_relative_uri(self.env.docname, docname)
            title = f'<a href="{uri}">{title}</a>'
            note = f'<span class="tally" data-progress="{number}"></span>'
        else:
            note = '<span class="in-preparation">in preparation</span>'
        return (
            f'<li class="station{"" if is_written else " planned"}">'
            f'<svg viewBox="0 0 48 48" aria-hidden="true">{lecture["glyph"]}</svg>'
            f'<div><p class="lecture-title"><span class="number">{number}</span> {title}</p>'
            f"<p>{escape(lecture['about'])}</p>{note}</div></li>"
        )


def describe_lecture(app, pagename, templatename, context, doctree):
    """Tells the template of a lecture's page its number, its part and where it opens in Colab."""
    for part in app.env.course:
        for lecture in part["lectures"]:
            if pagename == f"lectures/{lecture['name']}":
                options = app.config.html_theme_options
                context["lecture"] = lecture["number"]
                context["part"] = part["title"]
                context["colab"] = colab_address(
                    options["repository_url"], options["repository_branch"], f"{pagename}.ipynb"
                )


def prepare(app, env, docnames):
    """Reads the course before the pages."""
    env.course = read_course(Path(app.srcdir, "book"))


def outdated_map(app, env, added, changed, removed):
    """The map is drawn anew when a lecture comes or goes."""
    moved = any(name.startswith("lectures/") for name in added | removed)
    return [env.config.master_doc] if moved and env.config.master_doc not in added else []


def write_tasks(app, exception):
    """Leaves the ids of all questions and exercises beside the pages, for progress.js."""
    if exception or app.builder.format != "html":
        return
    tasks = {
        lecture["number"]: tasks_of(notebook)
        for part in app.env.course
        for lecture in part["lectures"]
        if (notebook := Path(app.srcdir, "lectures", f"{lecture['name']}.ipynb")).is_file()
    }
    script = f"globalThis.courseTasks = {json.dumps(tasks)};\n"
    Path(app.outdir, "_static", "course.js").write_text(script, encoding="utf-8")


def setup(app):
    """Connects the map and the progress."""
    app.add_directive("course-map", CourseMap)
    app.connect("env-before-read-docs", prepare)
    app.connect("env-get-outdated", outdated_map)
    app.connect("html-page-context", describe_lecture)
    app.connect("build-finished", write_tasks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
