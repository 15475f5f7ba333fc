"""Networks of one kind of block: sizes by hand, costs by formula, and what they refuse."""

import pytest
import torch

from dlcv.classification.complexity import summarise
from dlcv.classification.designer import BLOCKS, designed_network

WIDTHS = {"grouped": 64}


def test_a_plain_one_by_hand():
    """Stem 3·8·9, then 8-8, 8-16, 16-32, 32-64, each 3x3, and the normalisations."""
    weights = 9 * (3 * 8 + 8 * 8 + 8 * 16 + 16 * 32 + 32 * 64)
    norms = 2 * (8 + 8 + 16 + 32 + 64)
    summary = summarise(designed_network("plain", 8, 1, num_classes=5), (3, 64, 64))
    assert summary.parameters == weights + norms + 64 * 5 + 5
    places = [32**2, 16**2, 8**2, 4**2, 2**2]
    layers = [3 * 8, 8 * 8, 8 * 16, 16 * 32, 32 * 64]
    work = sum(9 * n * p for n, p in zip(layers, places, strict=True)) + 64 * 5
    assert summary.multiply_adds == work


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("block", BLOCKS)
def test_all_blocks_train_on_small_images(block, gate):
    torch.manual_seed(0)
    model = designed_network(block, WIDTHS.get(block, 8), 2, gate, num_classes=3)
    logits = model(torch.randn(2, 3, 33, 40))
    assert logits.shape == (2, 3)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_separable_costs_about_a_ninth_of_plain():
    plain, separable = (
        summarise(designed_network(block, 256, 2), (3, 128, 128)).multiply_adds
        for block in ("plain", "separable")
    )
    assert 1 / 9 < separable / plain < 1 / 8


def test_an_inverted_block_has_a_linear_end_and_its_shortcut_where_sizes_agree():
    model = designed_network("inverted", 8, 2)
    first, second = model[1], model[2]
    assert (first.adds, second.adds) == (False, True)
    x = torch.randn(4, 8, 6, 5)
    assert (second.eval()(x) < 0).any()


@pytest.mark.parametrize(
    ("block", "width", "depth"),
    [("dense", 8, 1), ("grouped", 32, 1), ("bottleneck", 6, 1), ("plain", 0, 1), ("plain", 8, 0)],
)
def test_what_cannot_be_built(block, width, depth):
    with pytest.raises(ValueError, match="expected a block of plain"):
        designed_network(block, width, depth)
