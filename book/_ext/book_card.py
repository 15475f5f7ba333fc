"""How a page presents itself where its address is shared: title, first words and a picture."""

from html import escape

from docutils import nodes

PICTURE = "_static/social-card.png"
PICTURE_SHOWS = (
    "A painted sea with a crab, a jellyfish and two rings, each in its box, "
    "beside the title Learning to See."
)
WORDS = 180  # characters of the description


def first_words(doctree: nodes.document) -> str:
    """What a page begins with, cut at a word: its first paragraph of text."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) > WORDS:
            return text[: WORDS - 2].rsplit(" ", 1)[0] + " …"
        if text:
            return text
    return ""


def add_card(app, pagename, templatename, context, doctree):
    """Adds the tags of ogp.me, and a description unless the page has one of its own."""
    if doctree is None:
        return
    words, home = first_words(doctree), app.config.html_baseurl
    card = {
        "og:title": app.env.titles[pagename].astext(),
        "og:type": "website",
        "og:url": f"{home}{pagename}.html",
        "og:site_name": app.config.html_title,
        "og:description": words,
        "og:image": home + PICTURE,
        "og:image:alt": PICTURE_SHOWS,
    }
    tags = [f'<meta property="{name}" content="{escape(text)}" />' for name, text in card.items()]
    if 'name="description"' not in context["metatags"]:
        tags.append(f'<meta name="description" content="{escape(words)}" />')
    context["metatags"] += "\n".join(tags)


def setup(app):
    """Connects it."""
    app.connect("html-page-context", add_card)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
