"""One line of text with `code`, *emphasis* and $mathematics$, as HTML that needs no JavaScript."""

import html
import re

from latex2mathml.converter import convert

_MARKS = re.compile(r"\$(?P<tex>[^$]+)\$|`(?P<code>[^`]+)`|\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*")


def to_html(text: str) -> str:
    r"""Turns a sentence into HTML; TeX becomes MathML, which browsers draw by themselves.

    Args:
        text: plain text; `` `code` ``, ``*emphasis*`` and ``$tex$`` are understood,
            everything else is escaped.

    Returns:
        An HTML fragment.

    Raises:
        ValueError: a formula uses a command that the converter does not know, or a ``$`` is
            left without its partner.

    Example:
        >>> to_html("a *small* `kernel`")
        'a <em>small</em> <code>kernel</code>'
    """
    parts, end = [], 0
    for match in _MARKS.finditer(text):
        parts += [_escape(text[end : match.start()]), _mark(match)]
        end = match.end()
    return "".join([*parts, _escape(text[end:])])


def to_plain(text: str) -> str:
    """The same sentence for screen readers and the console: the marks go, the words stay."""
    return _MARKS.sub(lambda match: match["tex"] or match["code"] or match["em"], text)


def _mark(match: re.Match) -> str:
    if match["code"]:
        return f"<code>{html.escape(match['code'])}</code>"
    if match["em"]:
        return f"<em>{to_html(match['em'])}</em>"
    mathml = convert(match["tex"])
    if "\\" in mathml:
        raise ValueError(f"expected TeX with known commands, got {match['tex']!r}")
    return mathml


def _escape(text: str) -> str:
    if "$" in text:
        raise ValueError(f"expected every $ to have a partner, got {text!r}")
    return html.escape(text, quote=False)
