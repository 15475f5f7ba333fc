"""The check of data addresses: which files have one that answers."""

import http.server
import threading

import pytest

from dlcv.data.known_sets import SETS
from tools import check_addresses
from tools.check_addresses import addresses, check


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kinds = {"/data": "application/zip", "/page": "text/html; charset=utf-8"}
            if self.path not in kinds:
                self.send_error(404)
                return
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Type", kinds[self.path])
            self.send_header("Content-Length", "1")
            self.end_headers()
            self.wfile.write(b"x")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def test_a_file_is_lost_if_none_of_its_addresses_has_it(server, capsys):
    closed = "http://127.0.0.1:1/x"
    files = {
        "whole": (f"{server}/data",),
        "by its mirror": (closed, f"{server}/data"),
        "gone": (f"{server}/gone", closed),
        "behind a page": (f"{server}/page",),
    }
    assert check(files) == ["gone", "behind a page"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "DEAD", "ok", "DEAD", "DEAD", "DEAD"]
    assert "404" in lines[3]
    assert "web page" in lines[5]


def test_every_set_of_the_loaders_is_asked_for():
    found = addresses()
    for known in SETS.values():
        for file in (file for group in known.archives.values() for file in group):
            assert found[file.path] == file.urls
    assert all(url.startswith("http") for urls in found.values() for url in urls)


def test_it_fails_only_if_a_file_is_lost(server, monkeypatch):
    monkeypatch.setattr(check_addresses, "addresses", lambda: {"a": (f"{server}/data",)})
    check_addresses.main()
    monkeypatch.setattr(check_addresses, "addresses", lambda: {"a": (f"{server}/gone",)})
    with pytest.raises(SystemExit, match="none of their addresses: a"):
        check_addresses.main()
