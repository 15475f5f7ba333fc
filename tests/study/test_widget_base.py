"""What holds for every widget: how its two sides are put together, what a page carries."""

import base64
import importlib
import json
import pkgutil
import re
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pytest
import traitlets

import dlcv.study
from dlcv.study.widgets.base import Widget, pack
from dlcv.study.widgets.explore import explore

for _module in pkgutil.walk_packages(dlcv.study.__path__, "dlcv.study."):
    importlib.import_module(_module.name)

SCRIPTS = {
    file.name.removesuffix(".js"): file.read_text(encoding="utf-8")
    for file in files("dlcv.study.widgets").iterdir()
    if file.name.endswith(".js")
}
CLASSES = {cls for cls in Widget.__subclasses__() if "module" in cls.__dict__ and cls.module}
MODULES = {cls.module for cls in CLASSES} & set(SCRIPTS)
PARTS = set(SCRIPTS) - MODULES


class Hello(Widget):
    """A widget with one trait, on the side of the quiz's."""

    module = "quiz"
    count = traitlets.Int(3).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)


@pytest.fixture
def static(monkeypatch):
    monkeypatch.setenv("DLCV_STATIC", "1")


def draw(a, b):
    """A picture with its own figure, so that each frame can be told apart by its size."""
    plt.figure(figsize=(1 + a, 1 + b))


# --- the scripts ---------------------------------------------------------------------------------


def test_every_widget_module_was_found():
    assert {"quiz", "numeric", "hints", "explore"} <= MODULES
    assert {"shared", "static"} <= PARTS


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_exports_one_widget_and_imports_nothing(name):
    assert re.findall(r"^export .*$", SCRIPTS[name], re.MULTILINE) == ["export default {"]
    assert not re.search(r"^\s*import\b|\bimport\(|\brequire\(", SCRIPTS[name], re.MULTILINE)


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_part_neither_exports_nor_imports(name):
    assert not re.search(r"^\s*(export|import)\b|\bimport\(", SCRIPTS[name], re.MULTILINE)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_script_asks_the_network(name):
    text = SCRIPTS[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)
    assert "</script" not in text


@pytest.mark.parametrize("cls", sorted(CLASSES, key=lambda cls: cls.__name__))
def test_the_live_side_is_the_same_source_with_one_export(cls):
    live = cls.source() + "export default live(widget);\n"
    assert str(cls._esm) == live
    assert len(re.findall(r"^export default ", live, re.MULTILINE)) == 1
    assert live.count("const widget = ") == 1


# --- the static page -----------------------------------------------------------------------------


def test_without_the_switch_a_widget_is_live():
    bundle, _ = Hello(label="hello")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "text/html" not in bundle


def test_with_the_switch_a_widget_is_a_piece_of_html(static):
    bundle = Hello(label="hello")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "Hello: hello"


def test_the_state_survives_the_way_to_the_page(static):
    note = 'x < y & "z" </script><b> é'
    page = Hello(label="hello", note=note, count=7)._repr_mimebundle_()["text/html"]
    data = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data) == {"count": 7, "label": "hello", "note": note}


def test_traits_change_what_the_page_gets():
    widget = Hello(label="hello")
    widget.count = 9
    assert widget.state() == {"count": 9, "label": "hello", "note": ""}


def test_the_page_is_the_same_each_time(static):
    pages = [Hello(label="hello", note="a").static_html() for _ in range(2)]
    assert pages[0] == pages[1]


def test_the_page_refers_to_nothing_outside(static):
    page = Hello(label="hello").static_html()
    assert re.findall(r"https?://[^\"'\s<]+", page) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<link|<iframe|\ssrc=", page)


def test_a_number_that_json_lacks_is_an_error(static):
    class Broken(Widget):
        module = "quiz"
        share = traitlets.Float(float("nan")).tag(sync=True)

    with pytest.raises(ValueError, match="not JSON compliant"):
        Broken(label="broken").static_html()


# --- pack ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int32"])
def test_packed_bytes_are_the_array(dtype):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    packed = pack(array)
    back = np.frombuffer(base64.b64decode(packed["data"]), packed["dtype"])
    np.testing.assert_array_equal(back.reshape(packed["shape"]), array)


def test_an_empty_array_and_a_transposed_one_can_be_packed():
    assert pack(np.zeros((0, 4), np.uint8)) == {"dtype": "uint8", "shape": [0, 4], "data": ""}
    turned = pack(np.array([[1, 2], [3, 4]], np.uint8).T)
    assert list(base64.b64decode(turned["data"])) == [1, 3, 2, 4]


def test_other_types_can_not_be_packed():
    with pytest.raises(ValueError, match=r"expected one of float32, .*, got float64"):
        pack(np.zeros(2))


ARRAYS = [
    np.array([[0.1, -2.5, 3e38]], np.float32),
    np.array([0, 255, 7], np.uint8),
    np.array([[-(2**31)], [2**31 - 1]], np.int32),
    # Every kind of float16: zero, normal, smallest subnormal, largest, infinite.
    np.array([0.0, 1.0, -1.5, 0.1, 6e-8, 65504.0, -np.inf], np.float16),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.dtype.name)
def test_unpack_in_the_browser_is_the_partner_of_pack(browser, array):
    page = browser.new_page()
    page.add_script_tag(content=SCRIPTS["shared"])
    values, shape = page.evaluate(
        "(packed) => { const a = unpack(packed); return [Array.from(a, String), a.shape]; }",
        pack(array),
    )
    page.close()
    assert shape == list(array.shape)
    read = np.array([float(v.replace("Infinity", "inf")) for v in values])
    np.testing.assert_array_equal(read, array.ravel().astype(np.float64))


def test_all_65536_float16_numbers_are_read_right(browser):
    every = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)
    page = browser.new_page()
    page.add_script_tag(content=SCRIPTS["shared"])
    read = page.evaluate("(packed) => Array.from(unpack(packed))", pack(every))
    page.close()
    np.testing.assert_array_equal(np.array(read, np.float64), every.astype(np.float64))


# --- explore -------------------------------------------------------------------------------------


def test_frames_come_in_the_order_of_nested_loops():
    seen = []

    def record(a, b):
        seen.append((a, b))
        draw(a, b)

    widget = explore(record, alt="a {a}, b {b}", a=[1, 2], b=[1, 2, 3])
    del seen[:]
    state = widget.static_state()
    assert seen == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert [frame["alt"] for frame in state["frames"]] == [f"a {a}, b {b}" for a, b in seen]
    assert len({frame["src"] for frame in state["frames"]}) == 6


def test_a_live_session_draws_no_frames_nobody_looks_at():
    calls = []
    widget = explore(lambda step: calls.append(step), alt="step {step}", step=range(5))
    assert calls == [2]  # the middle value
    assert widget.frames == []
    widget.index = [4]
    assert calls == [2, 4]
    assert widget.frame["alt"] == "step 4"


def test_explore_leaves_the_readers_figures_alone():
    plt.close("all")
    mine = plt.figure()
    explore(lambda a: plt.plot([0, a]), alt="{a}", a=[1])
    explore(draw, alt="{a}", a=[1], b=[1])
    assert plt.get_fignums() == [mine.number]
    assert not mine.axes
    plt.close(mine)


def test_a_failing_function_raises_and_leaves_no_figure():
    plt.close("all")
    with pytest.raises(ZeroDivisionError):
        explore(lambda a: 1 / a, alt="{a}", a=[0])
    assert plt.get_fignums() == []


def test_the_fallback_quotes_its_description():
    page = explore(draw, alt='the "small" picture < {a}', a=[1], b=[1]).fallback_html()
    assert 'alt="the &quot;small&quot; picture &lt; 1"' in page


@pytest.mark.parametrize(
    ("alt", "choices", "message"),
    [
        ("x", {}, "at least one value for each choice"),
        ("x", {"a": []}, "at least one value for each choice"),
        ("x", {"c": [1]}, r"expected choices among \['a', 'b'\], got \['c'\]"),
        ("x", {"a": range(20), "b": range(20)}, "at most 200 combinations, got 400"),
        ("{c}", {"a": [1], "b": [1]}, r"names among \['a', 'b'\] in alt, got \['c'\]"),
    ],
)
def test_explore_says_what_it_expected(alt, choices, message):
    with pytest.raises(ValueError, match=message):
        explore(draw, alt=alt, **choices)


@pytest.mark.parametrize("index", [[2], [-1], [0, 0], []])
def test_an_index_outside_the_choices_is_an_error(index):
    widget = explore(lambda a: None, alt="{a}", a=[1, 2])
    with pytest.raises(ValueError, match=r"expected one index below each of \[2\]"):
        widget.index = index
