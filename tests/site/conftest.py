"""The built site, served from this machine or opened from its files, watched for trouble."""

import functools
import http.server
import threading

import pytest
from built_site import SITE


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def address():
    """The site's address on a local server."""
    handler = functools.partial(_Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def visit(browser, address):
    """`visit("index.html", from_file=False, **context)` opens a page and watches it.

    At the end of the test, errors on the page, failed requests and requests that leave the site
    fail it.
    """
    troubles, contexts = [], []

    def open_page(path: str, *, from_file=False, **options):
        home = SITE.as_uri() if from_file else address
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(f"{path}: {error}"))
        page.on("console", lambda m: _note(troubles, path, m) if m.type == "error" else None)
        page.on("requestfailed", lambda r: troubles.append(f"{path}: {r.url[:100]} failed"))
        page.on("request", lambda r: _stays(troubles, path, home, r.url))
        page.goto(f"{home}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _note(troubles, path, message):
    troubles.append(f"{path}: {message.text}")


def _stays(troubles, path, home, url):
    if not url.startswith((home, "data:", "blob:")):
        troubles.append(f"{path}: a request leaves the site: {url[:100]}")
