"""LeNet-5, of today and of 1998: sizes, counts, codes, and that both can learn."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.classification.classic import (
    C3_INPUTS,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    digit_codes,
    lenet5,
    lenet5_1998,
)

BOTH = [lenet5, lenet5_1998]
MAPS = {
    "c1": [6, 28, 28],
    "s2": [6, 14, 14],
    "c3": [16, 10, 10],
    "s4": [16, 5, 5],
    "c5": [120, 1, 1],
    "f6": [84],
    "output": [10],
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def feature_maps(model: nn.Sequential, images: torch.Tensor) -> dict[str, torch.Tensor]:
    maps, x = {}, images
    for name, layer in model.named_children():
        x = layer(x)
        maps[name] = x
    return maps


@pytest.mark.parametrize("build", BOTH)
def test_every_named_layer_has_the_map_of_the_paper(build):
    maps = feature_maps(build(), torch.randn(3, 1, 32, 32))
    assert {name: list(x.shape[1:]) for name, x in maps.items()} == MAPS


def test_todays_lenet_has_61706_parameters_and_any_number_of_classes():
    assert count(lenet5()) == 61_706
    layers = {name: count(layer) for name, layer in lenet5().named_children()}
    assert list(layers.values()) == [156, 0, 2416, 0, 48_120, 10_164, 850]
    assert lenet5(num_classes=3)(torch.zeros(2, 1, 32, 32)).shape == (2, 3)


def test_the_original_has_60000_trainable_parameters_layer_by_layer():
    layers = {name: count(layer) for name, layer in lenet5_1998().named_children()}
    assert list(layers.values()) == [156, 12, 1516, 32, 48_120, 10_164, 0]
    assert sum(layers.values()) == 60_000


def test_the_original_has_340908_connections():
    """A connection joins a unit to an input or to its bias; the output has one for each bit."""
    maps = feature_maps(lenet5_1998(), torch.zeros(1, 1, 32, 32))
    places = {name: x.shape[2:].numel() for name, x in maps.items()}
    c3_inputs = sum(len(seen) for seen in C3_INPUTS)
    connections = {
        "c1": places["c1"] * 6 * (25 + 1),
        "s2": places["s2"] * 6 * (4 + 1),
        "c3": places["c3"] * (c3_inputs * 25 + 16),
        "s4": places["s4"] * 16 * (4 + 1),
        "c5": 120 * (16 * 25 + 1),
        "f6": 84 * (120 + 1),
        "output": 10 * 84,
    }
    assert connections["c1"] == 122_304
    assert connections["c3"] == 151_600
    assert sum(connections.values()) == 340_908


def test_the_c3_table_has_60_entries_and_each_map_of_s2_feeds_ten():
    assert [len(seen) for seen in C3_INPUTS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(C3_INPUTS)) == 16
    for source in range(6):
        assert sum(source in seen for seen in C3_INPUTS) == 10


def test_the_sparse_convolution_is_a_dense_one_with_most_kernels_zero():
    torch.manual_seed(0)
    sparse = SparseConv2d(C3_INPUTS, 5)
    weight, bias = torch.zeros(16, 6, 5, 5), torch.zeros(16)
    for c, (conv, seen) in enumerate(zip(sparse.maps, C3_INPUTS, strict=True)):
        weight[c, list(seen)] = conv.weight[0].detach()
        bias[c] = conv.bias.item()
    x = torch.randn(2, 6, 14, 11)
    torch.testing.assert_close(sparse(x), F.conv2d(x, weight, bias))


def test_subsampling_by_hand():
    """The four values 1 2 3 4 add up to 10; times 0.5 plus 1 is 6."""
    layer = Subsampling(1)
    with torch.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.fill_(1.0)
    assert layer(torch.tensor([[[[1.0, 2], [3, 4]]]])).item() == 6


def test_the_scaled_tanh_keeps_plus_and_minus_one():
    squash = ScaledTanh()
    ends = squash(torch.tensor([-1.0, 0, 1, 1000]))
    torch.testing.assert_close(ends, torch.tensor([-1, 0, 1, 1.7159]), rtol=0, atol=1e-4)
    a = torch.randn(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(squash, a)


def test_ten_codes_of_84_bits_that_all_differ_clearly():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert codes.abs().unique().tolist() == [1]
    differing = (codes[:, None] != codes[None]).sum(dim=2) + 84 * torch.eye(10)
    assert differing.min() >= 8


def test_the_output_is_0_at_its_code_and_minus_4_for_each_wrong_bit():
    output, codes = lenet5_1998().output, digit_codes()
    scores = output(codes)
    assert scores.diag().tolist() == [0] * 10
    assert scores[3, 8] == -4 * (codes[3] != codes[8]).sum()
    assert scores.argmax(dim=1).tolist() == list(range(10))


def test_the_weights_of_1998_start_within_their_bounds():
    model = lenet5_1998()
    for layer in (m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)):
        bound = 2.4 / layer.weight[0].numel()
        assert 0.9 * bound < layer.weight.abs().max() <= bound


@pytest.mark.parametrize("build", BOTH)
def test_both_learn_twenty_pictures_by_heart(build):
    torch.manual_seed(0)
    model, images, labels = build(), torch.randn(20, 1, 32, 32), torch.arange(20) % 10
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = F.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (model(images).argmax(dim=1) == labels).all()


@pytest.mark.parametrize("build", BOTH)
def test_a_state_dict_round_trip_and_an_empty_batch(build):
    first, second, x = build(), build(), torch.randn(2, 1, 32, 32)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))
    assert first(x[:0]).shape == (0, 10)


@pytest.mark.cuda
@pytest.mark.parametrize("build", BOTH)
def test_the_cpu_and_the_gpu_agree(build):
    model, x = build().double(), torch.randn(2, 1, 32, 32, dtype=torch.float64)
    expected = model(x)
    torch.testing.assert_close(model.cuda()(x.cuda()).cpu(), expected)
