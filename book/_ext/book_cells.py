"""How the cells of a lecture look on its page."""

from html import escape

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

log = logging.getLogger(__name__)

# The code of these says nothing that their output does not say better.
SELF_EXPLAINING = ("quiz", "numeric", "hints")


class ArrangeCells(SphinxPostTransform):
    """Hides the code behind quizzes and hints, folds the setup cell, demands a text per figure."""

    default_priority = 150  # once outputs are chosen, before MyST-NB folds what is to be folded
    formats = ("html",)

    def run(self, **kwargs):
        """Visits every code cell of the page, and the link for those who read the notebook."""
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code":
                arrange(cell)
        for link in list(self.document.findall(nodes.paragraph)):
            if link.astext() == "Open in Colab":  # the page has this in its first line
                link.parent.remove(link)


def arrange(cell: nodes.container) -> None:
    """Applies the rules to one code cell."""
    source = part(cell, "cell_code_source")
    if source is not None and is_self_explaining(cell):
        cell.remove(source)
        cell.attributes.pop("hide_mode", None)
        cell["classes"].append("self-explaining")
    elif source is not None and source.astext().startswith("# Setup:"):
        cell["hide_mode"] = "input"
        cell["prompt_show"] = cell["prompt_hide"] = "Setup"
    output = part(cell, "cell_code_output")
    for image in output.findall(nodes.image) if output is not None else ():
        if not image.get("alt"):
            log.warning('a figure without a text; give its cell alt="…"', location=cell, type="alt")


def part(cell: nodes.container, name: str) -> nodes.container | None:
    """The source or the output of a cell."""
    return next((child for child in cell.children if child.get("nb_element") == name), None)


def is_self_explaining(cell: nodes.container) -> bool:
    """Whether a cell is folded in notebooks and shows a quiz or hints."""
    is_folded = cell["cell_metadata"].get("jupyter", {}).get("source_hidden", False)
    marks = [f'data-widget="{name}"' for name in SELF_EXPLAINING]
    html = "".join(node.astext() for node in cell.findall(nodes.raw))
    return is_folded and any(mark in html for mark in marks)


def open_fold(translator, node):
    """MyST-NB's own fold names its summary otherwise for screen readers than for the eye."""
    summary = escape(node["prompt_show"])
    translator.body.append(f'<details class="code-fold"><summary>{summary}</summary>\n')


def close_fold(translator, node):
    """Ends what was opened."""
    translator.body.append("</details>\n")


def setup(app):
    """Registers the transform and the fold."""
    app.add_post_transform(ArrangeCells)
    app.add_node(HideCodeCellNode, override=True, html=(open_fold, close_fold))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
