"""Serve the built site on this machine: python -m tools.serve PORT."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tools.executions import ROOT


def main() -> None:
    """Serve until interrupted."""
    site, port = ROOT / "_build" / "html", int(sys.argv[1])
    if not (site / "index.html").exists():
        sys.exit("There is no site yet: make book builds it.")
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("localhost", port), handler) as server:
        print(f"The site is at http://localhost:{port} (Ctrl+C stops it).", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
