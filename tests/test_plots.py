"""What the figures show: how many pictures, where, which texts, which colours."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex

from dlcv import plots


@pytest.fixture(autouse=True)
def _closed_figures():
    mpl.use("Agg")
    with mpl.rc_context():
        yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_style_is_set_by_the_call_and_uses_the_colour_blind_palette():
    mpl.rcParams["axes.spines.top"] = True
    plots.use_book_style()
    assert mpl.rcParams["axes.spines.top"] is False
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.OKABE_ITO)
    assert mpl.rcParams["figure.dpi"] == 96


def test_five_images_in_rows_of_two_lie_where_the_grid_says():
    """Images 4 high and 6 wide: image 3 starts in the second column of the second row."""
    images = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    ax = plots.show_images(images, titles=list("abcde"), columns=2)
    assert len(ax.images) == 5
    assert texts(ax) == list("abcde")
    left, right, bottom, top = ax.images[3].get_extent()
    assert (right - left, bottom - top) == pytest.approx((6, 4))
    assert left == ax.images[1].get_extent()[0] > ax.images[0].get_extent()[1]
    assert top == ax.images[2].get_extent()[3] > ax.images[1].get_extent()[2]
    assert torch.equal(torch.tensor(ax.images[3].get_array()), images[3].permute(1, 2, 0))
    # all of every image is inside the limits
    (x0, x1), (y1, y0) = ax.get_xlim(), ax.get_ylim()
    for image in ax.images:
        left, right, bottom, top = image.get_extent()
        assert x0 <= left < right <= x1
        assert y0 <= top < bottom <= y1


def test_bytes_are_scaled_and_grey_images_get_three_equal_channels():
    ax = plots.show_images([torch.full((1, 2, 3), 51, dtype=torch.uint8)])
    assert ax.images[0].get_array().shape == (2, 3, 3)
    assert ax.images[0].get_array().flatten().tolist() == pytest.approx([0.2] * 18)


def test_images_of_different_sizes_keep_their_sizes():
    ax = plots.show_images([torch.zeros(1, 2, 3), torch.zeros(3, 5, 4)])
    for image, size in zip(ax.images, ((3, 2), (4, 5)), strict=True):
        left, right, bottom, top = image.get_extent()
        assert (right - left, bottom - top) == pytest.approx(size)


def test_long_titles_are_broken_and_line_breaks_kept():
    images = torch.zeros(8, 1, 4, 4)
    ax = plots.show_images(images, titles=["a red fish left of a blue ring"] * 7 + ["x\ny"])
    assert ax.texts[0].get_text().replace("\n", " ") == "a red fish left of a blue ring"
    assert "\n" in ax.texts[0].get_text()
    assert ax.texts[7].get_text() == "x\ny"


def test_titles_do_not_touch_each_other_or_the_images():
    plots.use_book_style()
    images = torch.zeros(8, 1, 4, 4)
    ax = plots.show_images(images, titles=["a red fish left of a blue ring"] * 8, columns=4)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    boxes += [image.get_window_extent() for image in ax.images]
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def test_the_given_axes_are_used_and_returned():
    image, matrix = torch.zeros(3, 4, 5), torch.eye(2)
    draw = (
        lambda ax: plots.show_images([image], ax=ax),
        lambda ax: plots.show_boxes(image, torch.zeros(0, 4), ax=ax),
        lambda ax: plots.show_masks(image, torch.zeros(0, 4, 5, dtype=torch.bool), ax=ax),
        lambda ax: plots.show_filters(torch.zeros(1, 1, 3, 3), ax=ax),
        lambda ax: plots.show_matrix(matrix, ax=ax),
        lambda ax: plots.curves({"a": [1.0]}, ax=ax),
    )
    for function in draw:
        ax = plt.subplots()[1]
        before = plt.get_fignums()
        assert function(ax) is ax
        assert plt.get_fignums() == before


def test_boxes_lie_at_their_corners_with_label_and_score():
    boxes = torch.tensor([[1.0, 2.0, 5.0, 8.0], [0.0, 0.0, 3.5, 1.0], [2.0, 2.0, 3.0, 3.0]])
    ax = plots.show_boxes(
        torch.zeros(3, 9, 7),
        boxes,
        labels=torch.tensor([1, 0, 1]),
        scores=torch.tensor([0.934, 0.5, 1.0]),
        names=("fish", "crab"),
    )
    assert texts(ax) == ["crab 0.93", "fish 0.50", "crab 1.00"]
    corners = [
        (*p.get_xy(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in ax.patches
    ]
    assert torch.equal(torch.tensor(corners), boxes)
    first, second, third = (to_hex(p.get_edgecolor()) for p in ax.patches)
    assert first == third != second
    assert ax.images[0].get_extent() == [0, 7, 9, 0]  # one unit is one pixel, edges at integers
    assert ax.patches[0].get_path_effects()  # the dark outline


def test_boxes_take_texts_and_may_have_neither_label_nor_score():
    image, boxes = torch.zeros(1, 4, 6), torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    assert texts(plots.show_boxes(image, boxes, labels=["a fish"])) == ["a fish"]
    assert texts(plots.show_boxes(image, boxes, scores=[0.25])) == ["0.25"]
    assert texts(plots.show_boxes(image, boxes)) == []


def test_masks_paint_exactly_their_pixels():
    masks = torch.zeros(2, 4, 6, dtype=torch.bool)
    masks[0, 1, 2:4] = True
    masks[1, 3, :] = True
    ax = plots.show_masks(torch.zeros(3, 4, 6), masks, opacity=0.25)
    layers = [torch.tensor(image.get_array()) for image in ax.images[1:]]
    for mask, layer in zip(masks, layers, strict=True):
        assert torch.equal(layer[..., 3] > 0, mask)
        assert layer[..., 3].max() == 0.25
    assert not torch.equal(layers[0].amax((0, 1)), layers[1].amax((0, 1)))  # two colours
    assert len(ax.collections) == 2  # an outline each


def test_filters_share_one_scale_with_zero_in_the_middle():
    """Weights -2, 0 and 1: the largest size is 2, so they become 0, 1/2 and 3/4."""
    weights = torch.tensor([-2.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 2, 3)
    ax = plots.show_filters(weights)
    assert [image.get_array().max() for image in ax.images] == [0.0, 0.5, 0.75]
    assert len(plots.show_filters(torch.zeros(2, 3, 2, 2)).images) == 2


def test_matrix_writes_each_value_in_its_cell():
    ax = plots.show_matrix(torch.tensor([[1, -2, 3], [4, 5, 60]]), title="input")
    assert texts(ax) == ["1", "-2", "3", "4", "5", "60"]
    assert [text.get_position() for text in ax.texts][3:] == [(0, 1), (1, 1), (2, 1)]
    assert ax.get_title() == "input"


@pytest.mark.parametrize(
    ("values", "written"), [([1.0, 2.0], "1"), ([0.5, 2.0], "0.5"), ([1 / 3, 2.0], "0.33")]
)
def test_matrix_writes_as_few_decimals_as_it_needs(values, written):
    assert texts(plots.show_matrix(torch.tensor([values])))[0] == written


def test_matrix_decimals_and_highlight():
    mark = torch.tensor([[False, True], [False, False]])
    ax = plots.show_matrix(torch.eye(2), decimals=3, highlight=mark)
    assert texts(ax)[0] == "1.000"
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, -0.5)]


def test_curves_carry_names_labels_and_scales():
    series = {"train": [3.0, 2.0, 1.0], "rate": ([1, 10, 100], [0.1, 0.2, 0.3])}
    ax = plots.curves(series, x_label="epoch", y_label="loss", log="x")
    assert [line.get_label() for line in ax.lines] == ["train", "rate"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "rate"]
    assert ax.lines[0].get_xdata().tolist() == [0, 1, 2]
    assert ax.lines[1].get_xdata().tolist() == [1, 10, 100]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()


def test_eight_curves_differ_in_colour():
    ax = plots.curves({str(i): [float(i)] for i in range(8)})
    assert len({line.get_color() for line in ax.lines}) == 8


IMAGE = torch.zeros(3, 4, 5)
BOXES = torch.zeros(2, 4)
ERRORS = {
    "no image": lambda: plots.show_images([]),
    "two channels": lambda: plots.show_images([torch.zeros(2, 4, 5)]),
    "range": lambda: plots.show_images([torch.full((3, 4, 5), 2.0)]),
    "nan": lambda: plots.show_images([torch.full((3, 4, 5), torch.nan)]),
    "titles": lambda: plots.show_images([IMAGE], titles=["a", "b"]),
    "columns": lambda: plots.show_images([IMAGE], columns=0),
    "box shape": lambda: plots.show_boxes(IMAGE, torch.zeros(4)),
    "labels": lambda: plots.show_boxes(IMAGE, BOXES, labels=["one"]),
    "scores": lambda: plots.show_boxes(IMAGE, BOXES, scores=[0.1, 0.2, 0.3]),
    "mask shape": lambda: plots.show_masks(IMAGE, torch.zeros(1, 5, 4, dtype=torch.bool)),
    "mask type": lambda: plots.show_masks(IMAGE, torch.zeros(1, 4, 5)),
    "filters": lambda: plots.show_filters(torch.zeros(4, 16, 3, 3)),
    "no filter": lambda: plots.show_filters(torch.zeros(0, 3, 3, 3)),
    "matrix": lambda: plots.show_matrix(torch.zeros(33, 2)),
    "empty matrix": lambda: plots.show_matrix(torch.zeros(0, 2)),
    "highlight": lambda: plots.show_matrix(torch.eye(2), highlight=torch.eye(3).bool()),
    "no curve": lambda: plots.curves({}),
    "log": lambda: plots.curves({"a": [1.0]}, log="z"),
    "pair": lambda: plots.curves({"a": ([1, 2], [1.0])}),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_input_is_met_with_what_was_expected(name):
    with pytest.raises(ValueError, match=r"expected .* got"):
        ERRORS[name]()


def test_an_array_instead_of_a_tensor_is_a_type_error():
    with pytest.raises(TypeError, match="expected an image tensor"):
        plots.show_images([IMAGE.numpy()])
