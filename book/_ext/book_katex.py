"""Mathematics, rendered by KaTeX while the site is built: the pages need no script for it."""

import atexit
import shutil
from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

log = logging.getLogger(__name__)

# Strict first; what KaTeX does not understand is shown in red, and the complaint comes along.
DRAW = """
function draw(tex, displayMode, macros) {
  try {
    return [katex.renderToString(tex, { displayMode, macros, strict: "error" }), ""];
  } catch (error) {
    const lax = { displayMode, macros, strict: "ignore", throwOnError: false };
    return [katex.renderToString(tex, lax), error.message];
  }
}
"""


@cache
def engine(dist: Path) -> MiniRacer:
    """A JavaScript engine that has KaTeX loaded.

    Raises:
        FileNotFoundError: KaTeX is not installed.
    """
    script = dist / "katex.min.js"
    if not script.is_file():
        raise FileNotFoundError(f"expected KaTeX in {dist}; `make setup` installs it")
    context = MiniRacer()
    atexit.register(context.close)  # left to the garbage collector, it would wait for ever
    context.eval("var self = this;" + script.read_text(encoding="utf-8"))
    context.eval(DRAW)
    return context


def render(tex: str, display: bool, macros: dict[str, str], dist: Path) -> tuple[str, str]:
    r"""TeX as HTML, with MathML inside for screen readers.

    Args:
        tex: without dollars; several lines of a displayed formula are aligned at ``&``.
        display: on its own line, or in the text.
        macros: from ``\name`` to what it stands for.
        dist: the folder of ``katex.min.js``.

    Returns:
        The HTML, and KaTeX's complaint: empty where all is well.
    """
    if display and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    html, complaint = engine(dist).call("draw", tex, display, macros)
    return html, complaint


def _dist(app) -> Path:
    return Path(app.srcdir, app.config.katex_dist)


def _html(translator, node, display: bool) -> str:
    app = translator.builder.app
    html, complaint = render(node.astext(), display, app.config.katex_macros, _dist(app))
    if complaint:
        log.warning("%s", complaint, location=node, type="katex")
    return html


def visit_inline(translator, node):
    """A formula in the text."""
    translator.body.append(f'<span class="math">{_html(translator, node, False)}</span>')
    raise nodes.SkipNode


def visit_display(translator, node):
    """A formula on its own line, with its number where it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math-display"))
    translator.body.append(f'<div class="math-scroll">{_html(translator, node, True)}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def copy_assets(app, exception):
    """Puts KaTeX's style sheet and fonts beside the pages; they are never committed."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "katex")
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy(_dist(app) / "katex.min.css", target)
    for font in (_dist(app) / "fonts").glob("*.woff2"):
        shutil.copy(font, target / "fonts")


def setup(app):
    """Registers the renderer; ``html_math_renderer: katex`` chooses it."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.add_config_value("katex_dist", "node_modules/katex/dist", "html")
    app.add_config_value("katex_macros", {}, "html")
    app.add_css_file("katex/katex.min.css")
    app.connect("build-finished", copy_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
