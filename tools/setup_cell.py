"""The cell that opens every lecture: it finds the book's package, or installs it (on Colab)."""

from tools.repository import address

SOURCE = """\
# Setup: the same cell opens every lecture. It finds the book's package, or installs it (on Colab).
try:
    import dlcv
except ModuleNotFoundError:
    %pip install --quiet "dlcv @ git+{address}"

from dlcv.device import at_scale, environment_report, pick_device, seed_everything
from dlcv.plots import use_book_style

seed_everything(0)
use_book_style()
device = pick_device()
print(environment_report())"""


def setup_cell() -> str:
    """Return the source of the setup cell, with the project's address."""
    return SOURCE.format(address=address())


def colab_link(name: str) -> str:
    """Return the address that opens a lecture on Colab."""
    repository = address().removeprefix("https://github.com/")
    lecture = f"blob/main/lectures/{name}.ipynb"
    return f"https://colab.research.google.com/github/{repository}/{lecture}"
