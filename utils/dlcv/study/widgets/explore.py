"""Any plotting function with a slider for each of its choices."""

import base64
import html
import inspect
import io
import itertools
import math
import string
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import traitlets
from PIL import Image

from dlcv.study.widgets.base import Widget

MOST_FRAMES = 200  # a page carries them all; 200 small figures are about 2 MB


class Explore(Widget):
    """See :func:`explore`."""

    module = "explore"
    choices = traitlets.List().tag(sync=True)
    index = traitlets.List().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    frames = traitlets.List().tag(sync=True)

    def __init__(self, function: Callable, alt: str, values: dict[str, Sequence]):
        self._function, self._alt, self._values = function, alt, values
        middle = [len(options) // 2 for options in values.values()]
        super().__init__(
            label="A picture that follows its sliders",
            choices=[
                {"name": name.replace("_", " "), "values": [str(v) for v in options]}
                for name, options in values.items()
            ],
            index=middle,
            frame=self._draw(middle),
        )
        self.observe(self._redraw, names="index")

    @traitlets.validate("index")
    def _index(self, proposal):
        counts = [len(choice["values"]) for choice in self.choices]
        index = list(proposal["value"])
        if len(index) != len(counts) or not all(
            0 <= at < count for at, count in zip(index, counts, strict=True)
        ):
            raise ValueError(f"expected one index below each of {counts}, got {index}")
        return index

    def _redraw(self, change):
        self.frame = self._draw(change["new"])

    def _arguments(self, index: Sequence[int]) -> dict:
        return {
            name: options[i] for i, (name, options) in zip(index, self._values.items(), strict=True)
        }

    def _draw(self, index: Sequence[int]) -> dict:
        arguments = self._arguments(index)
        with plt.ioff():
            blank = plt.figure()  # to draw on, unless the function makes its own
            try:
                self._function(**arguments)
                source = _encode(plt.gcf())
            finally:
                plt.close(plt.gcf())
                plt.close(blank)
        return {"src": source, "alt": self._alt.format(**arguments)}

    def static_state(self) -> dict:
        """Every combination drawn once, in the order of nested loops over the choices."""
        counts = [range(len(options)) for options in self._values.values()]
        frames = [self._draw(index) for index in itertools.product(*counts)]
        return {**self.state(), "frame": {}, "frames": frames}

    def fallback_html(self) -> str:
        """The middle frame, as a plain picture."""
        return f'<img src="{self.frame["src"]}" alt="{html.escape(self.frame["alt"])}">'


def explore(function: Callable, *, alt: str, **choices: Sequence) -> Explore:
    """Puts a slider on each argument of a plotting function.

    In a notebook every move calls the function again; a static page plays pictures that were
    drawn while it was built.

    Args:
        function: draws on the current figure (or makes one) from keyword arguments.
        alt: what the picture shows, in a sentence; ``{name}`` stands for a choice's value.
        choices: for each argument of the function, the values to choose from, in order.

    Returns:
        The widget; its picture starts at the middle values.

    Raises:
        ValueError: no choice, an empty one, a name that the function or ``alt`` does not know,
            or more than 200 combinations.

    Example:
        ``explore(draw_boundary, alt="The boundary after {step} updates", step=range(5))``
    """
    values = {name: list(options) for name, options in choices.items()}
    if not values or not all(values.values()):
        raise ValueError(f"expected at least one value for each choice, got {values}")
    known = inspect.signature(function).parameters
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(f"expected choices among {list(known)}, got {unknown}")
    named = {name for _, name, _, _ in string.Formatter().parse(alt) if name is not None}
    if not named <= set(values):
        raise ValueError(f"expected names among {list(values)} in alt, got {sorted(named)}")
    count = math.prod(len(options) for options in values.values())
    if count > MOST_FRAMES:
        raise ValueError(f"expected at most {MOST_FRAMES} combinations, got {count}")
    return Explore(function, alt, values)


def _encode(figure) -> str:
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=100)
    Image.open(raw).convert("RGB").save(small, "WEBP", quality=75, method=6)
    return "data:image/webp;base64," + base64.b64encode(small.getvalue()).decode()
