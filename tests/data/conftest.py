"""What the tests of real data sets share: a folder of their own, no network, and a small server."""

import http.server
import socket
import threading
from dataclasses import dataclass, field

import pytest


@pytest.fixture
def no_network(monkeypatch):
    """Nothing but this machine can be reached."""
    honest = socket.getaddrinfo

    def refuse(host, *args, **kwargs):
        if host == "127.0.0.1":
            return honest(host, *args, **kwargs)
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@dataclass
class Server:
    """A small server: what it has, what it was asked, and how it misbehaves."""

    data: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    cuts: list = field(default_factory=list)  # send so many bytes, then break off
    ranges: bool = True
    address: str = ""

    def url(self, path: str) -> str:
        return self.address + path


@pytest.fixture
def server():
    """A server on this machine, see `Server`."""
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            state.asked.append((self.path, wanted))
            if self.path not in state.data:
                self.send_error(404)
                return
            data, start = state.data[self.path], 0
            if wanted and state.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end = start + state.cuts.pop(0) if state.cuts else len(data)
            self.wfile.write(data[start:end])

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.address = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()
