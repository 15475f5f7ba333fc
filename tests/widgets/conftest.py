"""Opens a widget as a reader of the static page meets it: from a file, with no kernel."""

import pytest

PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Widget</title></head>
<body style="margin:0 auto;max-width:760px">{html}</body></html>"""


@pytest.fixture
def open_widget(browser, tmp_path, monkeypatch):
    """`open_widget(widget, theme="light", **context)` gives a page; errors on it fail the test."""
    monkeypatch.setenv("DLCV_STATIC", "1")
    problems, contexts = [], []

    def open_page(*widgets, theme="light", width=760, **options):
        html = "".join(widget._repr_mimebundle_()["text/html"] for widget in widgets)
        file = tmp_path / f"widget-{len(contexts)}.html"
        file.write_text(PAGE.format(theme=theme, html=html), encoding="utf-8")
        options.setdefault("viewport", {"width": width, "height": 900})
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith(("file:", "data:", "blob:")) else problems.append(r.url)
            ),
        )
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems
