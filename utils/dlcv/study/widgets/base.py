"""One widget, two lives: linked to Python in a notebook, self-contained on a page."""

import base64
import hashlib
import html
import json
import os
import re
from functools import cache
from importlib.resources import files

import anywidget
import numpy as np
import traitlets

PACKED = ("float32", "float16", "uint8", "int8", "int32")
_EXPORT = re.compile(r"^export default ", re.MULTILINE)


class Widget(anywidget.AnyWidget):
    """A widget whose browser side is one small ES module, ``<module>.js`` beside this file.

    The module ends in ``export default { render({ model, el }) {...} }``. Live, the traits of the
    subclass are linked to Python. On a static page the same module runs on the traits' values
    through a model of a few lines (``static.js``): no kernel, no network.

    A subclass sets ``module`` and declares its traits with ``.tag(sync=True)``. Every trait must
    be plain JSON; arrays travel through :func:`pack`.
    """

    module = ""
    parts: tuple[str, ...] = ()  # further .js files, between shared.js and the module
    style = ""  # the name of the .css file, where it is not the module's
    label = traitlets.Unicode(help="what the widget is, for screen readers").tag(sync=True)

    def __init_subclass__(cls, **kwargs):
        if "module" in cls.__dict__:  # not in the classes that traitlets derives
            cls._esm = cls.source() + "export default live(widget);\n"
            cls._css = _read("shared.css") + _read(f"{cls.style or cls.module}.css", missing="")
        super().__init_subclass__(**kwargs)

    @classmethod
    def source(cls) -> str:
        """The browser side as plain declarations, the last of them ``const widget``."""
        code = "".join(_read(f"{name}.js") for name in ("shared", *cls.parts, cls.module))
        return _EXPORT.sub("const widget = ", code)

    def __init__(self, **traits):
        super().__init__(_dom_classes=("dlcv-widget",), **traits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.label}"

    def _repr_mimebundle_(self, **kwargs):
        if os.environ.get("DLCV_STATIC") == "1":
            return {"text/plain": repr(self), "text/html": self.static_html()}
        return super()._repr_mimebundle_(**kwargs)

    def state(self) -> dict:
        """The values of the widget's own traits, as the page gets them."""
        own = set(self.trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names())
        return {name: getattr(self, name) for name in sorted(own) if not name.startswith("_")}

    def static_state(self) -> dict:
        """The state for a page without a kernel; a subclass adds what Python would compute."""
        return self.state()

    def fallback_html(self) -> str:
        """What the page shows where scripts do not run."""
        return f"<p>{html.escape(self.label)} (this widget needs JavaScript).</p>"

    def static_html(self) -> str:
        """The widget as one piece of HTML that runs by itself, also from a file."""
        css = self._css
        module = self.source() + "return widget;"
        key = f"{self.module}-{_digest(module)}"
        player = _read("static.js")
        return (
            '<div class="dlcv-output">'
            f'<style data-dlcv="css-{_digest(css)}">{css}</style>'
            f'<div class="dlcv-widget" data-widget="{self.module}">{self.fallback_html()}</div>'
            f'<script type="application/json">{_json(self.static_state())}</script>'
            f'<script data-dlcv="static-{_digest(player)}">{player}</script>'
            f'<script data-dlcv="{key}">dlcv.modules["{key}"]=()=>{{{module}}};</script>'
            f'<script>dlcv.mount(document.currentScript.parentElement,"{key}")</script>'
            "</div>"
        )


def pack(array) -> dict:
    """An array as JSON: type, shape and base64 of its bytes; ``unpack`` in shared.js reads it.

    Args:
        array: float32, float16, uint8, int8 or int32 NumPy array or CPU tensor of any shape.

    Returns:
        ``{"dtype": ..., "shape": [...], "data": "..."}``.

    Raises:
        ValueError: any other type.
    """
    values = np.ascontiguousarray(array)
    if values.dtype.name not in PACKED:
        raise ValueError(f"expected one of {', '.join(PACKED)}, got {values.dtype.name}")
    data = base64.b64encode(values.tobytes()).decode()
    return {"dtype": values.dtype.name, "shape": list(values.shape), "data": data}


def within(ranges: dict[str, tuple[float, float]], proposal: dict) -> float:
    """The proposed value of a numeric trait, for its validator, if it lies in the trait's range.

    Args:
        ranges: trait → smallest and largest value, both allowed.
        proposal: what traitlets hands to a validator.

    Raises:
        ValueError: the value lies outside.
    """
    name, value = proposal["trait"].name, proposal["value"]
    least, most = ranges[name]
    if not least <= value <= most:
        raise ValueError(f"expected {name} from {least} to {most}, got {value}")
    return value


@cache
def _read(name: str, missing: str | None = None) -> str:
    file = files("dlcv.study.widgets").joinpath(name)
    if missing is not None and not file.is_file():
        return missing
    return file.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _json(state: dict) -> str:
    text = json.dumps(
        state, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
    )
    return text.replace("<", "\\u003c")
