"""Where the built site lies, and its pages."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"


def pages() -> list[str]:
    """All pages of the site, as paths relative to its root."""
    found = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    return sorted(str(path) for path in found if path.parts[0] != "_static")


def lecture_pages() -> list[str]:
    return [page for page in pages() if page.startswith("lectures/")]


def lectures() -> list[str]:
    """The names of the lectures in the repository, for example ``01_perceptron``."""
    return sorted(path.stem for path in (ROOT / "lectures").glob("*.ipynb"))
