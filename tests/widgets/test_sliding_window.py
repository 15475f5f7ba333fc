"""The sliding window: its numbers against the network's, and the window by every hand."""

import base64

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import expect

from dlcv.classification.complexity import summarise
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.detection.box_losses import paired_iou
from dlcv.detection.overfeat import WINDOW_PX, DenseWindowNet, WindowNet, crop_by_crop
from dlcv.detection.window_search import look_everywhere
from dlcv.study.widgets.sliding_window import SlidingWindow

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
STILL = {"reduced_motion": "reduce"}
SCALES = (0.6, 1.0)


@pytest.fixture(scope="module")
def scene():
    return render_scenes(1, 5, config=SceneConfig(objects=(1, 1)), masks=False)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return WindowNet(2).eval()


@pytest.fixture
def sliding(scene, net):
    return SlidingWindow(scene.images[0], net, ["fish", "boat"], scene.boxes[0, 0], SCALES)


def evaluate(page, widget, body):
    """Runs `body` with the views as the module prepares them."""
    prepare = (
        "const views = x.map((v) => ({ ...v, values: unpack(v.probs), shares: unpack(v.boxes) }));"
    )
    return page.evaluate(f"(x) => {{ {SlidingWindow.source()}; {prepare} {body} }}", widget.views)


def test_windows_scores_and_boxes_are_those_of_the_search(open_widget, sliding, scene, net):
    page = open_widget(sliding, **STILL)
    images = scene.images / 255
    for offsets in (False, True):
        dense = DenseWindowNet(net, offsets)
        for at, scale in enumerate(SCALES):
            found = look_everywhere(dense, images, (scale,))
            body = f"""const view = views[{at}], offsets = {str(offsets).lower()};
              const [grid, window] = [windowGrid(view, offsets), {WINDOW_PX}];
              return Array.from({{ length: grid.count }}, (_, i) => {{
                const {{ place, box }} = windowAt(view, offsets, i, window);
                const probs = [0, 1, 2].map((k) => probability(view, k, place));
                return [...box, ...regressedBox(view, place, box, window), ...probs];
              }});"""
            shown = torch.tensor(evaluate(page, sliding, body))
            assert shown.shape == (found.windows.shape[0], 11)
            torch.testing.assert_close(shown[:, :4], found.windows, rtol=1e-4, atol=1e-3)
            torch.testing.assert_close(shown[:, 4:8], found.boxes[0], rtol=0.01, atol=0.05)
            torch.testing.assert_close(shown[:, 8:], found.probs[0].T, rtol=0, atol=0.003)


def test_the_map_is_that_of_windows_cut_out_one_by_one(sliding, scene, net):
    image = F.interpolate(scene.images / 255, scale_factor=0.6, mode="bilinear", antialias=True)[0]
    with torch.no_grad():
        expected = crop_by_crop(net, image.clamp(0, 1), 2)[0].softmax(dim=0)
    packed = sliding.views[0]["probs"]
    values = np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["shape"])
    np.testing.assert_allclose(values / 255, expected, atol=0.003)


def test_overlap_equals_the_package(open_widget, sliding):
    page = open_widget(sliding, **STILL)
    generator = torch.Generator().manual_seed(3)
    corner = 60 * torch.rand(40, 2, generator=generator)
    boxes = torch.cat([corner, corner + 5 + 30 * torch.rand(40, 2, generator=generator)], dim=1)
    source = SlidingWindow.source()
    pairs = list(zip(boxes[:20].tolist(), boxes[20:].tolist(), strict=True))
    found = page.evaluate(f"(x) => {{ {source}; return x.map(([a, b]) => overlap(a, b)); }}", pairs)
    assert found == pytest.approx(paired_iou(boxes[:20], boxes[20:]).tolist(), abs=1e-5)


def test_the_work_is_counted(open_widget, sliding, net):
    page = open_widget(sliding, **STILL)
    assert sliding.window_cost == summarise(net, (3, 28, 28)).multiply_adds
    for offsets in (0, 1):
        dense = DenseWindowNet(net, bool(offsets))
        assert sliding.views[1]["costs"][offsets] == summarise(dense, (3, 64, 64)).multiply_adds
    page.get_by_role("slider", name="Windows").press("End")
    expect(page.locator(".work")).to_contain_text("49 windows cut out one by one: 68.")


def test_the_keyboard_moves_the_window_and_stops_at_the_border(open_widget, sliding):
    page = open_widget(sliding, **STILL)
    readout = page.locator(".readout")
    expect(readout).to_contain_text("Window 1 of 49: fish")
    page.get_by_role("application").focus()
    for key, number in [("ArrowRight", 2), ("ArrowDown", 9), ("ArrowLeft", 8), ("ArrowUp", 1)]:
        page.keyboard.press(key)
        expect(readout).to_contain_text(f"Window {number} of 49")
    page.keyboard.press("ArrowUp")
    expect(readout).to_contain_text("Window 1 of 49")


def test_a_click_and_a_finger_choose_a_window(open_widget, sliding):
    page = open_widget(sliding, **STILL)
    area = page.get_by_role("application").bounding_box()
    page.mouse.click(area["x"] + 2.5 / 7 * area["width"], area["y"] + 3.5 / 7 * area["height"])
    expect(page.locator(".readout")).to_contain_text(f"Window {3 * 7 + 3} of 49")
    page = open_widget(sliding, **STILL, **PHONE)
    page.get_by_role("application").scroll_into_view_if_needed()
    area = page.get_by_role("application").bounding_box()
    page.touchscreen.tap(area["x"] + 0.5 / 7 * area["width"], area["y"] + 1.5 / 7 * area["height"])
    expect(page.locator(".readout")).to_contain_text("Window 8 of 49")


def painted(page):
    """How many cells of the map are painted."""
    script = """(c) => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"""
    return page.locator(".map canvas").evaluate(script)


def test_the_map_builds_up_and_can_be_shown_whole(open_widget, sliding):
    page = open_widget(sliding, **STILL)
    assert painted(page) == 1
    page.get_by_role("slider", name="Windows").fill("20")
    assert painted(page) == 20
    page.get_by_label("Whole map at once").check()
    assert painted(page) == 49
    page.get_by_label("Pool at all offsets").check()
    assert painted(page) == 19 * 19
    page.get_by_role("combobox", name="Picture resized to").select_option("0")
    assert painted(page) == 6 * 6


def test_kinds_are_chosen(open_widget, sliding):
    page = open_widget(sliding, **STILL)
    page.get_by_role("combobox", name="Map of").select_option(label="background")
    expect(page.locator(".readout")).to_contain_text("Window 1 of 49: background")


def test_it_plays_and_pauses(open_widget, sliding):
    page = open_widget(sliding)
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(400)
    page.get_by_role("button", name="Pause").click()
    count = painted(page)
    assert count > 2
    page.wait_for_timeout(200)
    assert painted(page) == count


def test_with_reduced_motion_nothing_plays(open_widget, sliding):
    page = open_widget(sliding, **STILL)
    expect(page.get_by_role("button", name="Play")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(open_widget, sliding, theme):
    page = open_widget(sliding, theme=theme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(("name", "value"), [("scale", 2), ("kind", 3), ("position", 361)])
def test_wrong_values_are_errors(sliding, name, value):
    with pytest.raises(ValueError, match=f"expected {name} from"):
        setattr(sliding, name, value)


def test_a_picture_that_is_too_small_is_an_error(scene, net):
    with pytest.raises(ValueError, match="expected a scale at which a window fits"):
        SlidingWindow(scene.images[0], net, ["fish", "boat"], scene.boxes[0, 0], (0.2,))
