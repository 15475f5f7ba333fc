"""What the book's Markdown can say beyond MyST: a live widget, and a number of the fact sheet."""

import csv
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective, SphinxRole


def package_folder() -> Path:
    """The folder of dlcv, found without importing it."""
    return Path(find_spec("dlcv").submodule_search_locations[0])


class WidgetDirective(SphinxDirective):
    """``{widget} dlcv.study.widgets.task_ladder.TaskLadder`` shows the widget on the page."""

    required_arguments = 1

    def run(self):
        """Makes the widget, with its own defaults, while the page is read."""
        module, _, name = self.arguments[0].rpartition(".")
        for file in package_folder().rglob("*"):
            if file.suffix in {".py", ".js", ".css"}:
                self.env.note_dependency(str(file))
        widget = getattr(import_module(module), name)()
        return [nodes.raw("", widget.static_html(), format="html")]


@cache
def load_facts() -> dict[str, dict[str, str]]:
    """The rows of the fact sheet by id."""
    with (package_folder() / "study" / "facts.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def fact_text(id: str) -> str:
    """The value of a fact as it is printed: with thin groups of thousands and without a unit.

    Raises:
        KeyError: an unknown id.
    """
    value = float(load_facts()[id]["expected_value"])
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


class FactRole(SphinxRole):
    """``{fact}`L00-COCO-TOTAL``` prints a number of the fact sheet, so that no page retypes it."""

    def run(self):
        """Reports an unknown id as a warning."""
        self.env.note_dependency(str(package_folder() / "study" / "facts.csv"))
        try:
            return [nodes.inline(self.rawtext, fact_text(self.text), classes=["fact"])], []
        except KeyError:
            message = self.inliner.reporter.warning(
                f"expected the id of a fact, got {self.text!r}", line=self.lineno
            )
            return [nodes.problematic(self.rawtext, self.rawtext)], [message]


def setup(app):
    """Registers the directive and the role."""
    app.add_directive("widget", WidgetDirective)
    app.add_role("fact", FactRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
