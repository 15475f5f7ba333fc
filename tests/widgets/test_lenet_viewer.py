"""The LeNet viewer: its network against torch, its drawings against the digits it learnt from."""

import math
import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from torch import nn
from torch.nn import functional as F

from dlcv.classification.classic import lenet5
from dlcv.data.bundled import load_digits_split
from dlcv.scratch.convolution import receptive_field
from dlcv.study.widgets.lenet_viewer import LeNetViewer

TOUCH = {"has_touch": True, "is_mobile": True}


def arc(cx, cy, rx, ry, start, end, points=24):
    """Points on an ellipse; angles in degrees, 0 to the right, clockwise on the screen."""
    angles = [math.radians(a) for a in np.linspace(start, end, points)]
    return [[cx + rx * math.cos(a), cy + ry * math.sin(a)] for a in angles]


# Ten digits as strokes on a pad of 100 × 100; sevens with a bar, as the training digits have.
DIGITS = [
    [arc(50, 50, 22, 35, -90, 270)],
    [[[38, 30], [52, 15], [52, 85]]],
    [[*arc(50, 33, 20, 18, -170, 20), [32, 85], [72, 85]]],
    [arc(48, 32, 18, 17, -150, 90) + arc(48, 67, 21, 18, -90, 150)],
    [[[52, 15], [28, 58], [75, 58]], [[58, 40], [58, 88]]],
    [[[70, 15], [36, 15], [33, 46], *arc(50, 64, 20, 20, -130, 140)]],
    [[[56, 14], [40, 40], *arc(50, 66, 18, 20, 190, 540)]],
    [[[30, 16], [70, 16], [45, 86]], [[38, 50], [68, 50]]],
    [arc(50, 32, 16, 17, 90, 450) + arc(50, 68, 20, 18, -90, 270)],
    [[*arc(50, 34, 18, 18, 0, 360), [68, 34], [64, 60], [55, 86]]],
]


@pytest.fixture(scope="module")
def digits():
    return load_digits_split(size=32)


@pytest.fixture(scope="module")
def model(digits):
    """LeNet-5 after ten quick epochs on the real digits."""
    torch.manual_seed(0)
    model = lenet5()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    images, labels = digits.train
    for _ in range(10):
        for batch in torch.randperm(len(labels)).split(32):
            optimiser.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    return model.eval()


@pytest.fixture
def viewer(model, digits):
    """The viewer with the first test image of each digit."""
    images, labels = digits.test
    return LeNetViewer(model, {f"a {k}": images[labels == k][0, 0] for k in range(10)})


@pytest.fixture
def page(open_widget, viewer):
    return open_widget(viewer)


def evaluate(page, expression, argument):
    """The value of an expression of the widget's own functions."""
    return page.evaluate(f"(x) => {{ {LeNetViewer.source()}; return {expression}; }}", argument)


def run_in_page(page, viewer, images):
    """All layers' values in the page, for images [N, 32, 32]: a list of layers for each image."""
    run = "x.images.map((image) => runLayers(layers, image, 32).map((y) => Array.from(y.values)))"
    expression = f"((layers) => {run})(loadLayers(x.layers))"
    return evaluate(
        page, expression, {"layers": viewer.layers, "images": images.flatten(1).tolist()}
    )


def eight_bits(weight):
    """Weights as they travel: 127 steps on either side of 0 for each output channel."""
    steps = weight.flatten(1).abs().amax(dim=1) / 127
    steps = steps.reshape(-1, *[1] * (weight.ndim - 1))
    return (weight / steps).round() * steps


def rounded_as_sent(model, build=lenet5):
    """The model with its weights rounded to eight bits and its biases to float16."""
    copy = build()
    parameters = model.state_dict().items()
    copy.load_state_dict(
        {name: eight_bits(w) if w.ndim > 1 else w.half().float() for name, w in parameters}
    )
    return copy.eval()


def verdict(page):
    return page.locator(".verdict")


def lens(page):
    return page.locator(".lens [role=status]")


def layer(page, name):
    return page.get_by_role("application", name=re.compile(rf"^{name}:"))


def on_pad(page, point):
    box = page.locator(".pad").bounding_box()
    return box["x"] + point[0] / 100 * box["width"], box["y"] + point[1] / 100 * box["height"]


def draw(page, strokes):
    for first, *others in strokes:
        page.mouse.move(*on_pad(page, first))
        page.mouse.down()
        for point in others:
            page.mouse.move(*on_pad(page, point))
        page.mouse.up()


def probabilities(page):
    texts = page.locator(".bars .value").all_inner_texts()
    return [float(text.replace("%", "")) / 100 for text in texts]


# --- the network in the page against torch -------------------------------------------------------


def test_probabilities_are_those_of_torch(page, viewer, model, digits):
    images = digits.test.images[:60, 0]
    logits = torch.tensor([layers[-1] for layers in run_in_page(page, viewer, images)])
    with torch.no_grad():
        exact, rounded = model(images[:, None]), rounded_as_sent(model)(images[:, None])
    torch.testing.assert_close(logits.softmax(1), rounded.softmax(1), rtol=0, atol=1e-4)
    torch.testing.assert_close(logits.softmax(1), exact.softmax(1), rtol=0, atol=0.03)


def test_every_feature_map_is_that_of_torch(page, viewer, model, digits):
    image = digits.test.images[7:8]
    found = run_in_page(page, viewer, image[:, 0])[0]
    x = image
    for values, (_, part) in zip(found, rounded_as_sent(model).named_children(), strict=True):
        with torch.no_grad():
            x = part(x)
        torch.testing.assert_close(torch.tensor(values), x.flatten(), rtol=1e-3, atol=1e-4)


def test_mean_pooling_and_tanh_are_those_of_torch(open_widget, digits):
    torch.manual_seed(1)
    net = nn.Sequential()
    net.add_module("c1", nn.Sequential(nn.Conv2d(1, 4, 5), nn.Tanh(), nn.AvgPool2d(2)))
    net.add_module("output", nn.Sequential(nn.Flatten(), nn.Linear(4 * 14 * 14, 3)))
    viewer = LeNetViewer(net, {"a": digits.test.images[0, 0]})
    found = run_in_page(open_widget(viewer), viewer, digits.test.images[:5, 0])
    expected = net(digits.test.images[:5]).detach()
    logits = torch.tensor([layers[-1] for layers in found])
    torch.testing.assert_close(logits, expected, rtol=0, atol=5e-3)


def test_receptive_fields_are_those_of_the_package(page, viewer):
    fields = evaluate(page, "fieldsOf(loadLayers(x), 32)", viewer.layers)
    steps = [(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)]
    assert [f["field"] for f in fields[:5]] == [receptive_field(steps[:n]) for n in range(1, 6)]
    assert [f["jump"] for f in fields[:4]] == [1, 2, 2, 4]
    assert [f["field"] for f in fields[5:]] == [32, 32]


def test_the_outlined_pixels_are_those_that_a_gradient_reaches(open_widget, digits):
    """S4, map 3, row 2, column 4 starts at row 2 · 4 = 8 and column 4 · 4 = 16, and is 16 wide."""
    net = lenet5()
    for parameter in net.parameters():
        parameter.data.abs_()  # no unit is silent
    page = open_widget(LeNetViewer(net, {"a": digits.test.images[0, 0]}))
    layer(page, "S4").focus()
    for key in ["ArrowRight"] * (3 * 5 + 4) + ["ArrowDown"] * 2:
        page.keyboard.press(key)
    expect(lens(page)).to_contain_text("S4, map 3, row 2, column 4:")
    rows_and_columns = re.search(
        r"rows (\d+) to (\d+), columns (\d+) to (\d+)", lens(page).inner_text()
    )
    assert [int(n) for n in rows_and_columns.groups()] == [8, 23, 16, 31]
    x = torch.rand(256, 1, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    net[:4](x)[:, 3, 2, 4].sum().backward()
    rows, columns = (x.grad.abs().sum((0, 1)) > 0).nonzero().unbind(1)
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == [8, 23, 16, 31]


# --- from strokes to the picture the network was trained on --------------------------------------


def test_enlargement_is_that_of_torch(page):
    values = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    found = evaluate(page, "framed(enlarge(x, DIGIT), SIDE)", values.flatten().tolist())
    expected = F.pad(F.interpolate(values[None, None], (28, 28), mode="bilinear"), (2,) * 4)
    torch.testing.assert_close(torch.tensor(found).view(32, 32), expected[0, 0])


def test_blocks_are_counted_as_the_mean_of_their_dots(page):
    dots = (torch.rand(32, 32, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    found = evaluate(page, "Array.from(countBlocks(x))", dots.flatten().tolist())
    expected = F.avg_pool2d(dots[None, None], 4)
    torch.testing.assert_close(torch.tensor(found), expected.flatten())


def test_the_enlarged_digits_are_made_as_in_the_package(page):
    """The page's last step, on the real 8 × 8 digits, gives the 32 × 32 ones."""
    small, large = load_digits_split(size=8).test.images, load_digits_split(size=32).test.images
    found = evaluate(
        page, "x.map((v) => framed(enlarge(v, 28), 32))", small[:20].flatten(1).tolist()
    )
    torch.testing.assert_close(torch.tensor(found), large[:20].flatten(1), rtol=0, atol=1e-6)


def test_a_drawing_has_the_ink_and_the_height_of_the_training_digits(page, digits):
    ink = digits.train.images.mean((1, 2, 3))
    for strokes in DIGITS:
        image = torch.tensor(evaluate(page, "imageOf(x)", strokes)).view(32, 32)
        assert ink.quantile(0.01) < image.mean() < ink.quantile(0.99)
        rows = (image > 0.1).any(1).nonzero()
        assert (rows.min(), rows.max()) == (2, 29)


def test_place_and_size_of_a_drawing_do_not_matter(page):
    strokes = DIGITS[2]
    moved = [[[0.5 * x + 40, 0.5 * y + 3] for x, y in stroke] for stroke in strokes]
    images = evaluate(page, "x.map(imageOf)", [strokes, moved])
    np.testing.assert_allclose(images[0], images[1], atol=1e-6)


def test_a_dot_stays_a_dot_and_nothing_is_black(page):
    dot, nothing = evaluate(page, "x.map(imageOf)", [[[[50, 50]]], []])
    assert 0 < sum(dot) < 0.1 * 32 * 32
    assert nothing == [0] * 1024


def test_drawn_digits_are_recognised(page, model):
    """Ten clean digits, and ten slanted, stretched and shaky versions of each."""
    rng = np.random.default_rng(0)

    def hand(stroke):
        slant, wide, high = rng.uniform(-0.15, 0.15), rng.uniform(0.8, 1.1), rng.uniform(0.85, 1.1)
        points = np.array(stroke) - 50
        return (
            points @ [[wide, 0], [slant, high]] + 50 + rng.normal(0, 0.6, points.shape)
        ).tolist()

    def recognised(drawings, labels):
        images = torch.tensor(evaluate(page, "x.map(imageOf)", drawings)).view(-1, 1, 32, 32)
        with torch.no_grad():
            return (model(images).argmax(1) == torch.tensor(labels)).float().mean()

    assert recognised(DIGITS, range(10)) >= 0.8
    shaky = [[hand(stroke) for stroke in strokes] for strokes in DIGITS for _ in range(10)]
    assert recognised(shaky, [k for k in range(10) for _ in range(10)]) >= 0.75


# --- drawing by hand -----------------------------------------------------------------------------


def test_the_first_example_is_shown(page, viewer):
    assert probabilities(page) == pytest.approx(viewer.probabilities.tolist(), abs=0.031)
    expect(verdict(page)).to_contain_text(f"The network says {viewer.probabilities.argmax()}")
    expect(page.locator(".ink > *")).to_have_count(0)


def test_a_digit_is_drawn_with_the_mouse(page):
    draw(page, DIGITS[5])
    expect(verdict(page)).to_contain_text("The network says 5")
    expect(page.locator(".big")).to_have_text("5")
    expect(page.locator(".ink > *")).to_have_count(1)
    assert page.get_by_label("Example").evaluate("(s) => s.selectedOptions[0].text") == (
        "your own drawing"
    )
    assert sum(probabilities(page)) == pytest.approx(1, abs=0.006)


def test_a_line_is_drawn_with_a_finger_and_the_page_does_not_scroll(open_widget, viewer):
    page = open_widget(viewer, **TOUCH)
    assert page.locator(".pad").evaluate("(n) => getComputedStyle(n).touchAction") == "none"
    page.get_by_role("button", name="Clear").tap()
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        places = [dict(zip("xy", on_pad(page, point), strict=True)) for point in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", [50, 10])
    for y in range(15, 90, 5):
        send("touchMove", [50, y])
    send("touchEnd")
    expect(verdict(page)).to_contain_text("The network says")
    points = page.locator(".ink > *").get_attribute("points").split(" ")
    assert len(points) >= 10
    assert page.evaluate("scrollY") == 0


def test_a_digit_is_drawn_with_the_keyboard(page):
    page.get_by_role("button", name="Clear").click()
    expect(verdict(page)).to_have_text("Draw a digit from 0 to 9.")
    page.locator(".pad").focus()
    keys = ["ArrowUp"] * 9 + ["Space"] + ["ArrowDown"] * 18 + ["Space"] + ["ArrowRight"] * 5
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator(".ink > *")).to_have_count(1)
    expect(verdict(page)).to_contain_text("The network says 1")


def test_undo_takes_the_last_stroke_and_clear_takes_all(page):
    draw(page, DIGITS[4])
    expect(page.locator(".ink > *")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".ink > *")).to_have_count(1)
    expect(verdict(page)).to_contain_text("The network says")
    page.get_by_role("button", name="Undo").click()
    expect(verdict(page)).to_have_text("Draw a digit from 0 to 9.")
    page.get_by_role("button", name="Undo").click()
    draw(page, DIGITS[4])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".ink > *")).to_have_count(0)
    expect(page.locator(".big")).to_have_text("?")


@pytest.mark.parametrize("digit", [0, 3, 9])
def test_an_example_is_chosen(page, viewer, digits, digit):
    draw(page, DIGITS[5])
    page.get_by_label("Example").select_option(label=f"a {digit}")
    expect(page.locator(".ink > *")).to_have_count(0)
    images, labels = digits.test
    viewer.image = images[labels == digit][0, 0]
    best = viewer.probabilities.argmax()
    expect(verdict(page)).to_contain_text(f"The network says {best}")
    assert probabilities(page) == pytest.approx(viewer.probabilities.tolist(), abs=0.031)


# --- looking into the layers ---------------------------------------------------------------------


def test_layers_are_named_with_their_shapes(page):
    titles = page.locator(".layer strong").all_inner_texts()
    assert titles == [
        "C1: 6 maps of 28 × 28",
        "S2: 6 maps of 14 × 14",
        "C3: 16 maps of 10 × 10",
        "S4: 16 maps of 5 × 5",
        "C5: 120 units",
        "F6: 84 units",
        "Output: 10 units",
    ]
    counts = [layer(page, name).locator("canvas").count() for name in ("C1", "C3", "C5")]
    assert counts == [6, 16, 1]


def value_of(viewer, model, name, unit):
    """What torch gives for one unit of the viewer's present image."""
    x = torch.tensor(viewer.image)[None, None]
    with torch.no_grad():
        for part_name, part in model.named_children():
            x = part(x)
            if part_name == name:
                return x.flatten()[unit].item()
    raise AssertionError(name)


@pytest.mark.parametrize("how", ["mouse", "touch"])
def test_pointing_at_a_unit_tells_its_value_and_field(open_widget, viewer, model, how):
    page = open_widget(viewer, **(TOUCH if how == "touch" else {}))
    box = layer(page, "C1").locator("canvas").nth(2).bounding_box()
    place = (box["x"] + (9 + 0.5) / 28 * box["width"], box["y"] + (14 + 0.5) / 28 * box["height"])
    page.touchscreen.tap(*place) if how == "touch" else page.mouse.move(*place)
    expect(lens(page)).to_contain_text("C1, map 2, row 14, column 9:")
    expect(lens(page)).to_contain_text("It sees input rows 14 to 18, columns 9 to 13.")
    shown = float(re.search(r": (-?\d+\.\d+)\.", lens(page).inner_text())[1])
    expected = value_of(viewer, model, "c1", (2 * 28 + 14) * 28 + 9)
    assert shown == pytest.approx(expected, abs=0.02)
    expect(page.get_by_text("its kernel")).to_be_visible()
    expect(page.locator(".input .frame")).to_be_visible()
    if how == "mouse":
        page.mouse.move(2, 2)
        expect(page.locator(".input .frame")).to_be_hidden()
        expect(lens(page)).to_contain_text("Point at a unit of any layer")


def test_the_keyboard_walks_from_map_to_map(page):
    layer(page, "S2").focus()
    expect(lens(page)).to_contain_text("S2, map 0, row 0, column 0:")
    page.keyboard.press("ArrowLeft")
    expect(lens(page)).to_contain_text("S2, map 0, row 0, column 0:")
    for _ in range(14):
        page.keyboard.press("ArrowRight")
    expect(lens(page)).to_contain_text("S2, map 1, row 0, column 0:")
    page.keyboard.press("ArrowLeft")
    expect(lens(page)).to_contain_text("S2, map 0, row 0, column 13:")
    expect(lens(page)).to_contain_text("It sees input rows 0 to 5, columns 26 to 31.")
    expect(page.get_by_text("its kernel")).to_be_hidden()


def test_units_of_a_strip_are_numbered_and_see_everything(page, viewer, model):
    layer(page, "F6").focus()
    for key in ["ArrowDown"] + ["ArrowRight"] * 50:
        page.keyboard.press(key)
    expect(lens(page)).to_contain_text("F6, unit 83:")
    expect(lens(page)).to_contain_text("It sees all input pixels.")
    shown = float(re.search(r": (-?\d+\.\d+)\.", lens(page).inner_text())[1])
    assert shown == pytest.approx(value_of(viewer, model, "f6", 83), abs=0.02)


def test_tab_goes_through_pad_and_layers(page):
    page.locator(".pad").focus()
    names = []
    for _ in range(10):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"))
    assert [name[:2] for name in names if ":" in name] == ["C1", "S2", "C3", "S4", "C5", "F6", "Ou"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 760])
def test_nothing_is_wider_than_the_page(open_widget, viewer, theme, width):
    page = open_widget(viewer, theme=theme, width=width)
    layer(page, "C1").focus()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- Python --------------------------------------------------------------------------------------


def test_the_image_round_trips_and_python_agrees(viewer, model, digits):
    image = digits.test.images[11, 0]
    viewer.image = image
    kept = torch.tensor(viewer.image)
    torch.testing.assert_close(kept, image, atol=5.1e-5, rtol=0)  # four decimals
    with torch.no_grad():
        expected = model(kept[None, None]).softmax(1)[0]
    torch.testing.assert_close(viewer.probabilities, expected)


def test_the_weights_travel_in_eight_bits(viewer, model):
    count = sum(parameter.numel() for parameter in model.parameters())
    page = viewer.static_html()
    assert count * 4 / 3 < len(page) < count * 4 / 3 + 110_000
    assert {
        step["weight"]["dtype"]
        for one in viewer.layers
        for step in one["steps"]
        if "weight" in step
    } == {"int8"}


def test_asking_for_probabilities_leaves_the_mode_of_the_model(viewer, model):
    model.train()
    assert viewer.probabilities.sum() == pytest.approx(1)
    assert model.training
    model.eval()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(28, 28), r"expected an image \[32, 32\], got shape \[28, 28\]"),
        (torch.full((32, 32), torch.nan), "expected finite pixels"),
    ],
)
def test_wrong_images_are_errors(viewer, model, image, message):
    with pytest.raises(ValueError, match=message):
        viewer.image = image
    with pytest.raises(ValueError, match=message):
        LeNetViewer(model, {"a": image})


@pytest.mark.parametrize(
    "part",
    [nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 2, 3, stride=2), nn.MaxPool2d(3, 2), nn.GELU()],
)
def test_a_layer_that_the_page_can_not_run_is_an_error(part):
    with pytest.raises(ValueError, match="expected convolutions"):
        LeNetViewer(nn.Sequential(part), {"a": torch.zeros(32, 32)})


def test_biases_too_large_for_half_precision_are_errors(digits):
    net = lenet5()
    net.output.bias.data[0] = 1e5
    with pytest.raises(ValueError, match="expected values that fit float16, got up to 100000"):
        LeNetViewer(net, {"a": torch.zeros(32, 32)})


def test_no_example_is_an_error(model):
    with pytest.raises(ValueError, match="at least one example, got none"):
        LeNetViewer(model, {})


@pytest.mark.cuda
def test_a_model_on_the_gpu_gives_the_same_viewer(viewer, model, digits):
    image = digits.test.images[11, 0]
    viewer.image = image
    on_gpu = LeNetViewer(rounded_as_sent(model).cuda(), {"a": image.cuda()})
    assert on_gpu.layers == viewer.layers
    torch.testing.assert_close(on_gpu.probabilities, viewer.probabilities, rtol=0, atol=0.01)
