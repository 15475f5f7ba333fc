"""What a finished page may not contain: code from elsewhere, and the same code twice."""

import re
from pathlib import Path

# Loaded by the theme or by Jupyter Book for features that this book does without.
UNUSED = re.compile(r"THEBE_JS_URL|sphinx-thebe|require\.min\.js|html-manager|widget-state\+json")

# What of the rest a page needs only if its text says so.
NEEDED_BY = {
    "katex.min.css": "katex",
    "copybutton": "highlight",
    "clipboard.min.js": "highlight",
    "mystnb": "cell_",
    "sphinx-design": "sd-",
    "design-tabs.js": "sd-",
    "togglebutton": "dropdown",
}

# Bootstrap's components and the icons that no template of the book contains.
STYLES_OF_OTHERS = re.compile(
    r"\.(?:fa|accordion|btn-group|btn-outline|carousel|form-check|form-floating|form-range"
    r"|form-select|list-group|modal|offcanvas|pagination|popover|ratio|spinner|toast)\b"
)
RULE = re.compile(r"([^{}@;]+)\{([^{}]*)\}")

BLOCK = re.compile(r'<(style|script) data-dlcv="([^"]+)">.*?</\1>', re.DOTALL)

# docutils marks a bibliography up with roles that may not be nested like this.
CITATION_ROLES = re.compile(r' role="(?:list|doc-biblioentry)"')


def drop_repeats(html: str) -> str:
    """Keeps the first of the style sheets and scripts that every widget of a page brings along."""
    seen = set()

    def first_only(match: re.Match) -> str:
        if match[2] in seen:
            return ""
        seen.add(match[2])
        return match[0]

    return BLOCK.sub(first_only, html)


def is_needed(asset, body: str) -> bool:
    """Whether a page with this text uses a style sheet or script that Sphinx would load."""
    attributes = getattr(asset, "attributes", None) or {}
    parts = [getattr(asset, "filename", asset), attributes.get("body"), attributes.get("type")]
    text = " ".join(str(part) for part in parts)
    marks = [mark for name, mark in NEEDED_BY.items() if name in text]
    return not UNUSED.search(text) and all(mark in body for mark in marks)


def drop_foreign_rules(css: str) -> str:
    """A style sheet without the rules for components that the book does not use."""

    def own_selectors(match: re.Match) -> str:
        kept = [part for part in match[1].split(",") if not STYLES_OF_OTHERS.search(part)]
        return f"{','.join(kept)}{{{match[2]}}}" if kept else ""

    return RULE.sub(own_selectors, css)


def clean_page(app, pagename, templatename, context, doctree):
    """Runs last of all before a page is filled into its template."""
    text = context.get("body", "")
    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context[kind] if is_needed(asset, text)]
    if "body" in context:
        body = drop_repeats(context["body"])
        context["body"] = CITATION_ROLES.sub("", body) if "citation-list" in body else body


def slim_theme(app, exception):
    """Takes out what the theme copies and no page of the book asks for."""
    if exception or app.builder.format != "html":
        return
    for folder in ("_static/scripts", "_static/styles", "_static/vendor"):
        for pattern in ("*.map", "fontawesome.js*", "*.ttf"):
            for file in Path(app.outdir, folder).rglob(pattern):
                file.unlink()
    for sheet in Path(app.outdir, "_static/styles").glob("pydata-sphinx-theme.css"):
        sheet.write_text(drop_foreign_rules(sheet.read_text("utf-8")), "utf-8")


def setup(app):
    """Connects the cleaner behind all other extensions."""
    app.connect("html-page-context", clean_page, priority=990)
    app.connect("build-finished", slim_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
