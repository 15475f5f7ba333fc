"""What each family is about: the idea of its block, by hand; sizes; training; and errors."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcv.classification import (
    attention,
    classic,
    dense,
    efficient,
    inception,
    inception_v3,
    mobile,
    residual,
    vgg,
)
from dlcv.classification.complexity import summarise
from dlcv.classification.layers import Residual

CONSTRUCTORS = {
    classic: {"alexnet": 224, "alexnet_grouped": 227},
    vgg: {f"vgg{layers}": 224 for layers in (11, 19)},
    inception: {"googlenet": 64},
    inception_v3: {"inception_v3": 96},
    residual: {f"resnet{name}": 64 for name in ("18", "50", "_cifar")} | {"resnext50_32x4d": 64},
    dense: {f"densenet{layers}": 64 for layers in (121, 161)},
    attention: {"se_resnet50": 64, "sk_resnet50": 64},
    mobile: dict.fromkeys(("mobilenet_v1", "mobilenet_v2", "mnasnet1_0", "squeezenet1_0"), 64),
    efficient: {f"efficientnet_b{b}": 64 for b in (0, 3)},
}
ALL = [(room, name, size) for room, names in CONSTRUCTORS.items() for name, size in names.items()]


@pytest.mark.parametrize(("room", "name", "size"), ALL, ids=[name for _, name, _ in ALL])
def test_any_number_of_classes(room, name, size):
    with torch.device("meta"):
        model = getattr(room, name)(num_classes=7).eval()
        assert model(torch.empty(2, 3, size, size)).shape == (2, 7)


def weights_of(model: nn.Module) -> int:
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return sum(layer.weight.numel() for layer in layers)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=torch.float64)


# --- AlexNet and VGG -----------------------------------------------------------------------------


def test_alexnet_starts_as_in_the_paper():
    torch.manual_seed(0)
    model = classic.alexnet_grouped(num_classes=10)
    biases = {n: m.bias.unique().tolist() for n, m in model.named_children() if hasattr(m, "bias")}
    ones = {name for name, values in biases.items() if values == [1.0]}
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert all(values in ([0.0], [1.0]) for values in biases.values())
    assert model.conv3.weight.std().item() == pytest.approx(0.01, rel=0.02)


def test_alexnet_normalises_before_it_pools():
    with torch.device("meta"):
        names = list(dict(classic.alexnet_grouped().named_children()))
    assert names[:4] == ["conv1", "relu1", "norm1", "pool1"]
    with pytest.raises(ValueError, match="expected 1 or 2 groups, got 3"):
        classic.alexnet_grouped(groups=3)


@pytest.mark.parametrize(("letter", "layers"), [*zip("ABCDE", (11, 13, 16, 16, 19), strict=True)])
def test_the_name_of_a_vgg_counts_its_layers_with_weights(letter, layers):
    with torch.device("meta"):
        model = vgg.vgg(letter)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model) == layers


def test_a_vgg_of_ones_own():
    model = vgg.vgg(("conv3-4", "conv3-6 conv1-8"), 3, size=20, in_channels=1, hidden=12)
    assert model(torch.zeros(2, 1, 20, 20)).shape == (2, 3)
    names = ["conv1_1", "relu1_1", "pool1", "conv2_1", "relu2_1", "conv2_2", "relu2_2", "pool2"]
    assert list(dict(model.named_children()))[:8] == names
    assert model.conv2_2.kernel_size == (1, 1)
    assert model.fc6.in_features == 8 * 5 * 5


def test_three_3x3_see_as_much_as_a_7x7():
    features = nn.Sequential(vgg.vgg_features(("conv3-8 conv3-8 conv3-8",), in_channels=8))
    assert summarise(features, (8, 20, 20)).layer("conv1_3").receptive_field == (7, 7)
    assert weights_of(features) == 27 * 64 < 49 * 64


def test_a_vgg_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="expected a configuration from A to E, got 'F'"):
        vgg.vgg("F")
    with pytest.raises(ValueError, match="expected at least 32 pixels for them, got 16"):
        vgg.vgg("A", size=16)


# --- Inception -----------------------------------------------------------------------------------


def test_the_naive_module_grows_and_the_other_does_not_have_to():
    x = torch.zeros(1, 256, 4, 5)
    assert inception.naive_inception(256, 128, 192, 96).eval()(x).shape == (1, 672, 4, 5)
    module = inception.inception(256, 128, 64, 192, 64, 96, 64).eval()
    assert module(x).shape == (1, 480, 4, 5)


def test_what_truly_costs_358_million():
    """Reduce to 128 before the 3x3 and to 64 before the 5x5, and keep the pooling as it is."""
    cost = 28 * 28 * (256 * (128 + 128 + 64) + 9 * 128 * 192 + 25 * 64 * 96)
    module = inception.inception(256, 128, 128, 192, 64, 96, 64)
    module["pool"] = nn.MaxPool2d(3, 1, 1)
    assert summarise(module, (256, 28, 28)).multiply_adds == cost == 358_055_936
    assert module.eval()(torch.zeros(1, 256, 4, 4)).shape[1] == 672


def test_the_loss_of_the_heads_is_added_at_thirty_per_cent():
    logits, other = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    labels = torch.tensor([0])
    own, head = F.cross_entropy(logits, labels), F.cross_entropy(other, labels)
    loss = inception.loss_with_heads((logits, other, other), labels)
    torch.testing.assert_close(loss, own + 0.6 * head)
    torch.testing.assert_close(inception.loss_with_heads(logits, labels), own)


def test_heads_answer_in_training_only():
    with torch.device("meta"):
        model = inception.googlenet(5, auxiliary_heads=True)
        images = torch.empty(2, 3, 64, 64)
        assert [logits.shape for logits in model.train()(images)] == [(2, 5)] * 3
        assert model.eval()(images).shape == (2, 5)
        assert inception.googlenet(5).train()(images).shape == (2, 5)


@pytest.mark.parametrize(
    ("module", "size", "field"),
    [
        (inception_v3.factorised_5x5(8, 4), 35, (5, 5)),
        (inception_v3.factorised_7x7(768, 128), 17, (13, 13)),
        (inception_v3.expanded_3x3(8), 8, (5, 5)),
    ],
)
def test_factorised_modules_see_as_much_as_what_they_replace(module, size, field):
    channels = module["1x1"].conv.in_channels
    after = nn.Sequential(module, nn.ReLU())
    assert summarise(after, (channels, size, size)).layers[-1].receptive_field == field


# --- residual networks ---------------------------------------------------------------------------


def test_zeros_fill_the_new_channels_of_a_padding_shortcut():
    x = torch.arange(1.0, 13.0).view(1, 1, 3, 4)
    y = residual.PaddingShortcut(2, stride=2)(x)
    assert y[0, 0].tolist() == [[1.0, 3.0], [9.0, 11.0]]
    assert y.shape == (1, 3, 2, 2)
    assert not y[:, 1:].any()


def test_plain_and_residual_networks_have_the_same_parameters():
    plain, net = (residual.resnet_cifar(20, flag) for flag in (False, True))
    shapes = [[p.shape for p in model.parameters()] for model in (plain, net)]
    assert shapes[0] == shapes[1]
    assert sum(isinstance(m, Residual) for m in net.modules()) == 9
    assert not any(isinstance(m, Residual) for m in plain.modules())


@pytest.mark.parametrize("depth", [8, 14, 20])
def test_the_depth_counts_layers_with_weights(depth):
    model = residual.resnet_cifar(depth, num_classes=3, in_channels=1, width=4)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == depth
    assert model(torch.zeros(2, 1, 8, 10)).shape == (2, 3)


@pytest.mark.parametrize("depth", [2, 18, 21])
def test_a_depth_that_does_not_fit_is_an_error(depth):
    with pytest.raises(ValueError, match=f"expected a depth of 6 n \\+ 2, .*, got {depth}"):
        residual.resnet_cifar(depth)


def test_a_stage_halves_and_doubles():
    with torch.device("meta"):
        model, x = residual.resnet50(), torch.empty(1, 3, 224, 224)
        sizes = {}
        for name, stage in model.named_children():
            x = stage(x)
            sizes[name] = tuple(x.shape[1:])
    assert sizes == {
        "stem": (64, 56, 56),
        "stage1": (256, 56, 56),
        "stage2": (512, 28, 28),
        "stage3": (1024, 14, 14),
        "stage4": (2048, 7, 7),
        "head": (1000,),
    }


def test_a_resnext_block_is_the_sum_of_its_paths():
    """Figure 3a of the paper: 32 paths of width 4, each with all three convolutions."""
    block = residual.resnext_block(64, 16, cardinality=8, group_width=16).double().eval()
    x = normal(2, 64, 5, 6)
    reduce, middle, expand = (layer.conv.weight for layer in block.body)  # 32 inner channels
    norms = [layer.bn for layer in block.body]
    total = torch.zeros_like(x)
    for path in range(8):
        own = slice(4 * path, 4 * path + 4)
        y = F.conv2d(x, reduce[own]) / (1 + norms[0].eps) ** 0.5
        y = F.conv2d(y.relu(), middle[own], padding=1) / (1 + norms[1].eps) ** 0.5
        total += F.conv2d(y.relu(), expand[:, own])
    expected = (x + total / (1 + norms[2].eps) ** 0.5).relu()
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("build", "channels"),
    [
        (lambda: residual.basic_block(4, 4), 4),
        (lambda: residual.bottleneck_block(8, 2, 2), 8),
        (lambda: dense.DenseLayer(3, 2), 3),
        (lambda: attention.SqueezeExcite(4, 2), 4),
        (lambda: attention.SelectiveKernel(4, groups=2, smallest=3), 4),
        (lambda: mobile.inverted_residual(3, 3, expansion=2), 3),
        (lambda: efficient.mbconv(4, 4, expansion=2), 4),
    ],
)
def test_gradients_of_blocks(build, channels):
    torch.manual_seed(0)
    block = build().double().eval()
    x = normal(2, channels, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(block, x)


# --- DenseNet ------------------------------------------------------------------------------------


def test_a_dense_layer_keeps_what_came_in():
    block = dense.dense_block(6, growth=4, count=3).eval()
    x = torch.rand(2, 6, 5, 4, generator=torch.manual_seed(0))
    y = block(x)
    assert y.shape == (2, 6 + 3 * 4, 5, 4)
    assert torch.equal(y[:, :6], x)
    assert [layer.body[0].num_features for layer in block] == [6, 10, 14]  # k0 + k (l - 1)


def test_the_whole_layer_reads_every_earlier_one():
    """x_l = H_l([x_0, ..., x_{l-1}]), written out with a list of maps."""
    torch.manual_seed(0)
    block = dense.dense_block(3, growth=2, count=4).double().eval()
    maps = [normal(1, 3, 4, 4)]
    for layer in block:
        maps.append(layer.body(torch.cat(maps, dim=1)))
    torch.testing.assert_close(block(maps[0]), torch.cat(maps, dim=1))


# --- gates ---------------------------------------------------------------------------------------


def test_squeeze_and_excitation_by_hand():
    """Two channels of mean 1 and 3; W1 sums to 1, W2 gives ln 3 to the second: gates 1/2, 3/4."""
    gate = attention.SqueezeExcite(2, 1)
    gate.excite[0].weight.data = torch.tensor([[0.25, 0.25]])
    gate.excite[2].weight.data = torch.tensor([[0.0], [math.log(3)]])
    for layer in (gate.excite[0], gate.excite[2]):
        layer.bias.data.zero_()
    x = torch.tensor([[[[0.0, 2.0]], [[2.0, 4.0]]]])
    torch.testing.assert_close(gate.gates(x), torch.tensor([[0.5, 0.75]]))
    torch.testing.assert_close(gate(x), torch.tensor([[[[0.0, 1.0]], [[1.5, 3.0]]]]))


def test_gates_go_into_every_block():
    model = attention.add_gates(residual.resnet_cifar(8), reduction=4)
    gates = [m for m in model.modules() if isinstance(m, attention.SqueezeExcite)]
    assert [gate.excite[0].out_features for gate in gates] == [4, 8, 16]
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_selected_kernels_by_a_loop():
    torch.manual_seed(0)
    unit = attention.SelectiveKernel(4, groups=2, smallest=3).double().eval()
    x = normal(2, 4, 6, 5)
    small, large = unit.small(x), unit.large(x)
    z = unit.squeeze(small + large)[:, :, 0, 0]
    a, b = unit.select.weight[:4, :, 0, 0], unit.select.weight[4:, :, 0, 0]
    expected = torch.empty_like(x)
    for i in range(2):
        for c in range(4):
            first, second = (a[c] @ z[i]).exp(), (b[c] @ z[i]).exp()
            share = first / (first + second)
            expected[i, c] = share * small[i, c] + (1 - share) * large[i, c]
    torch.testing.assert_close(unit(x), expected)
    shares = unit.choices(torch.stack([small, large], dim=1))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2, 4, dtype=torch.float64))


def test_the_large_kernel_of_a_selection_sees_5x5():
    unit = attention.SelectiveKernel(4, groups=2)
    assert summarise(unit.large, (4, 9, 9)).layer("conv").receptive_field == (5, 5)


# --- small networks ------------------------------------------------------------------------------


def test_half_of_the_width_costs_about_a_quarter():
    with torch.device("meta"):
        whole, half = (mobile.mobilenet_v1(width=width) for width in (1.0, 0.5))
    costs = [summarise(model, (3, 224, 224)).multiply_adds for model in (whole, half)]
    assert costs[1] / costs[0] == pytest.approx(0.25, abs=0.02)


def test_an_inverted_residual_without_its_projection_is_the_identity():
    block = mobile.inverted_residual(24, 24).eval()
    nn.init.zeros_(block.body.project.conv.weight)
    x = torch.randn(2, 24, 5, 6, generator=torch.manual_seed(0))
    assert torch.equal(block(x), x)  # negative values included: no activation at the narrow end
    assert weights_of(block) == 8208


@pytest.mark.parametrize(("channels", "stride"), [(32, 1), (24, 2)])
def test_no_shortcut_where_the_sizes_differ(channels, stride):
    block = mobile.inverted_residual(24, channels, stride)
    assert not isinstance(block, Residual)
    assert block(torch.zeros(2, 24, 6, 8)).shape == (2, channels, 6 // stride, 8 // stride)


@pytest.mark.parametrize(
    ("channels", "rounded"), [(83, 80), (84, 88), (1, 8), (33.6, 32), (11, 16)]
)
def test_channels_are_rounded_to_eights(channels, rounded):
    """11 is nearer to 8, but that would be more than a tenth too few."""
    assert mobile.round_channels(channels) == rounded


@pytest.mark.parametrize("build", [mobile.mobilenet_v1, mobile.mobilenet_v2])
@pytest.mark.parametrize("width", [0, -1, float("nan")])
def test_a_width_that_is_none_is_an_error(build, width):
    with pytest.raises(ValueError, match="expected a positive width multiplier, got"):
        build(width=width)


# --- EfficientNet --------------------------------------------------------------------------------


def test_the_compound_rule_doubles_the_cost():
    depth, width, resolution = efficient.compound_scale(1)
    assert (depth, width, resolution) == (1.2, 1.1, 1.15)
    assert depth * width**2 * resolution**2 == pytest.approx(1.92027)
    two = efficient.compound_scale(2)
    assert two == pytest.approx((1.44, 1.21, 1.3225))
    with pytest.raises(
        ValueError, match=r"expected alpha, beta, gamma >= 1, got 1\.2, 0\.9, 1\.15"
    ):
        efficient.compound_scale(1, beta=0.9)


def test_the_released_networks_follow_the_rule_roughly():
    """B7 goes with phi = 6: depth, width and resolution are within a fifth of the rule's."""
    scale = efficient.SCALES[7]
    factors = scale.depth, scale.width, scale.resolution / 224
    assert factors == pytest.approx(efficient.compound_scale(6), rel=0.2)


def test_a_deeper_network_has_more_blocks():
    with torch.device("meta"):
        model = efficient.efficientnet_b7()
    assert [len(model.get_submodule(f"stage{s}")) for s in range(1, 8)] == [4, 7, 7, 10, 10, 13, 4]
    with pytest.raises(ValueError, match="expected positive factors, got width 0 and depth 1"):
        efficient.efficientnet(width=0, depth=1)


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    layer, x = efficient.StochasticDepth(0.25), torch.ones(4000, 2, 1, 3)
    y = layer(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])
    per_image = y.flatten(1)
    assert (per_image == per_image[:, :1]).all()
    assert y.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(layer.eval()(x), x)


# --- training and devices ------------------------------------------------------------------------

SMALL = {
    "vgg": lambda: vgg.vgg(("conv3-8", "conv3-16"), 4, size=16, hidden=32),
    "resnet": lambda: residual.resnet_cifar(8, num_classes=4),
    "plain": lambda: residual.resnet_cifar(8, False, num_classes=4),
    "densenet": lambda: dense.densenet((2, 2), growth=8, initial=16, num_classes=4),
    "gated": lambda: attention.add_gates(residual.resnet_cifar(8, num_classes=4), 4),
    "mobilenet": lambda: mobile.mobilenet_v1(4, width=0.25),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_small_one_learns_eight_images_by_heart(name):
    torch.manual_seed(0)
    model = SMALL[name]()
    images, labels = torch.rand(8, 3, 16, 16), torch.arange(8) % 4
    if name in ("mobilenet", "densenet"):
        images = F.interpolate(images, 32)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = None
    for _ in range(60 if name == "vgg" else 25):  # dropout slows it
        loss = F.cross_entropy(model(images), labels)
        first = first or loss.item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5 * first


@pytest.mark.cuda
@pytest.mark.parametrize("name", SMALL)
def test_the_gpu_says_the_same(name, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    model = SMALL[name]().eval()
    size = 32 if name in ("mobilenet", "densenet") else 16
    images = torch.rand(2, 3, size, size)
    with torch.no_grad():
        expected = model(images)
        torch.testing.assert_close(
            model.cuda()(images.cuda()).cpu(), expected, rtol=1e-3, atol=1e-4
        )
