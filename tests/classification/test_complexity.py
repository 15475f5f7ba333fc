"""What a network costs: by hand, against torch's own counter, and against published numbers."""

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dlcv.classification.classic import lenet5, lenet5_1998
from dlcv.classification.complexity import summarise


def build(name: str) -> nn.Module:
    """Build a torchvision model without values."""
    settings = {"init_weights": False} if name == "googlenet" else {}  # it warns if left open
    with torch.device("meta"):
        return getattr(torchvision.models, name)(weights=None, **settings)


def test_a_convolution_by_hand():
    """Ten 5x5 filters on an RGB image of 32x48: 760 parameters, 10 maps of 16x24 at stride 2."""
    summary = summarise(nn.Conv2d(3, 10, 5, stride=2, padding=2), (3, 32, 48))
    (layer,) = summary.layers
    assert layer.kind == "Conv2d"
    assert layer.output_size == (10, 16, 24)
    assert layer.parameters == 760
    assert layer.activation_bytes == 4 * 10 * 16 * 24
    assert layer.multiply_adds == 16 * 24 * 10 * 75
    assert layer.receptive_field == (5, 5)


def test_todays_lenet_by_hand():
    summary = summarise(lenet5(), (1, 32, 32))
    assert summary.parameters == 61_706
    assert summary.layer("c3.0").multiply_adds == 10 * 10 * 16 * 150
    assert summary.multiply_adds == 117_600 + 240_000 + 48_000 + 10_080 + 840
    fields = [
        summary.layer(name).receptive_field[0] for name in ("c1.0", "s2", "c3.0", "s4", "c5.0")
    ]
    assert fields == [5, 6, 14, 16, 32]
    assert summary.layer("f6.0").activation_bytes == 0  # flattening moves nothing
    assert summary.layer("output").receptive_field is None


def test_the_lenet_of_1998_counts_its_sparse_c3():
    summary = summarise(lenet5_1998(), (1, 32, 32))
    assert summary.parameters == 60_000
    sparse = [layer for layer in summary.layers if layer.name.startswith("c3.0.maps")]
    assert sum(layer.multiply_adds for layer in sparse) == 10 * 10 * 1500
    assert summary.layer("s4.0").receptive_field == (16, 16)


PUBLISHED = {  # parameters, multiply-adds at 224 pixels
    "alexnet": (61_100_840, None),
    "vgg16": (138_357_544, 15_470_264_320),
    "vgg19": (143_667_240, None),
    "resnet18": (None, 1_814_073_344),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet152": (None, 11_513_626_624),
    "densenet121": (7_978_856, 2_834_161_664),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "efficientnet_b0": (5_288_548, 385_814_752),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameters_and_multiply_adds(name):
    parameters, multiply_adds = PUBLISHED[name]
    summary = summarise(build(name), (3, 224, 224))
    assert parameters in (None, summary.parameters)
    assert multiply_adds in (None, summary.multiply_adds)


@pytest.mark.parametrize("name", ["googlenet", "resnext50_32x4d", "shufflenet_v2_x1_0", "vit_b_16"])
def test_multiply_adds_are_half_of_the_flops_that_torch_counts(name):
    model = build(name).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 224, 224, device="meta"))
    assert 2 * summarise(model, (3, 224, 224)).multiply_adds == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "layer", "field"),
    [
        ("vgg16", "features.28", 196),
        ("vgg16", "features.30", 212),
        ("alexnet", "features.10", 163),
        ("alexnet", "features.12", 195),
        ("resnet18", "layer4.1.conv2", 435),
        ("resnet34", "layer4.2.conv2", 899),
        ("resnet50", "layer4.2.conv3", 427),
    ],
)
def test_published_receptive_fields(name, layer, field):
    assert summarise(build(name), (3, 224, 224)).layer(layer).receptive_field == (field, field)


def test_the_activations_of_vgg16_are_the_published_sum():
    """The table of the book has the image too, and torchvision copies pool5 once more."""
    values = summarise(build("vgg16"), (3, 224, 224)).activation_bytes / 4
    assert values + 3 * 224 * 224 - 512 * 7 * 7 == 15_237_608


class Branches(nn.Module):
    """A short and a wide path of the same stride meet by addition and by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.short = nn.Conv2d(1, 2, 1, stride=2)
        self.tall = nn.Conv2d(1, 2, (7, 1), stride=2, padding=(3, 0))
        self.wide = nn.Conv2d(1, 2, (1, 5), stride=2, padding=(0, 2))
        self.after = nn.Conv2d(4, 2, 3, dilation=2)

    def forward(self, x):
        x = torch.cat([self.short(x) + self.tall(x), self.wide(x)], dim=1)
        return self.after(nn.functional.pad(x.relu(), (1, 1, 1, 1)))


def test_where_branches_meet_the_widest_counts_along_each_axis():
    layers = summarise(Branches(), (1, 21, 25)).layers
    fields = {layer.name: layer.receptive_field for layer in layers}
    expected = {"short": (1, 1), "tall": (7, 1), "wide": (1, 5), "after": (7 + 8, 5 + 8)}
    assert fields == expected


def test_the_field_is_where_a_gradient_arrives():
    model = Branches().double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)
    x = torch.ones(1, 1, 61, 65, dtype=torch.float64, requires_grad=True)
    y = model(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    rows, columns = (x.grad[0, 0].sum(dim=d).nonzero() for d in (1, 0))
    extent = tuple((places.max() - places.min() + 1).item() for places in (rows, columns))
    assert summarise(model, (1, 61, 65)).layer("after").receptive_field == extent


class Uneven(nn.Module):
    """Maps of one size whose places lie one and two pixels apart cannot be laid over each other."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = nn.Conv2d(1, 1, 5), nn.Conv2d(1, 1, 1, stride=2)
        self.after = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        return self.after(self.near(x) + self.far(x))


class Gated(nn.Module):
    """A map scaled by its own mean: every value depends on the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)

    def forward(self, x):
        x = self.before(x)
        return self.after(x * x.mean(dim=(2, 3), keepdim=True).sigmoid())


@pytest.mark.parametrize(
    "middle",
    [nn.AdaptiveAvgPool2d(3), nn.Upsample(scale_factor=2), nn.ConvTranspose2d(1, 1, 2, 2)],
)
def test_no_field_is_claimed_where_it_is_no_fixed_window(middle):
    model = nn.Sequential(nn.Conv2d(1, 1, 3), middle, nn.Conv2d(1, 1, 1))
    fields = [layer.receptive_field for layer in summarise(model, (1, 10, 12)).layers]
    assert fields == [(3, 3), None, None]
    gated = summarise(Gated(), (1, 10, 12))
    assert [layer.receptive_field for layer in gated.layers] == [(3, 3), None]
    uneven = summarise(Uneven(), (1, 9, 9))
    assert [layer.receptive_field for layer in uneven.layers] == [(5, 5), (1, 1), None]


def test_a_pooling_that_changes_nothing_keeps_the_field():
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d((8, 10)))
    assert summarise(model, (1, 10, 12)).layers[1].receptive_field == (3, 3)


class Elsewhere(nn.Module):
    """A weight that no layer owns, a layer that is called twice, and one that never is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6, 5))
        self.twice, self.never = nn.Linear(5, 5), nn.Linear(7, 7)

    def forward(self, x):
        return self.twice(self.twice(x.flatten(1) @ self.weight))


def test_the_rows_add_up_whatever_the_layers_leave_out():
    summary = summarise(Elsewhere(), (1, 2, 3))
    assert [layer.name for layer in summary.layers] == ["twice", "twice", "(elsewhere)"]
    assert [layer.parameters for layer in summary.layers] == [30, 0, 30 + 56]
    assert [layer.multiply_adds for layer in summary.layers] == [25, 25, 30]
    assert (summary.parameters, summary.multiply_adds) == (116, 80)


def test_shared_weights_count_once():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    model = nn.Sequential(nn.Flatten(), first, second)
    assert [row.parameters for row in summarise(model, (1, 2, 2)).layers] == [0, 20, 4]


def test_work_in_place_needs_no_memory():
    layers = [nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.ReLU(), nn.Dropout(), nn.Identity()]
    summary = summarise(nn.Sequential(*layers), (1, 3, 4))
    assert [layer.activation_bytes for layer in summary.layers] == [96, 0, 96, 0, 0]


def test_half_precision_halves_the_memory():
    model = lenet5()
    whole = summarise(model, (1, 32, 32)).activation_bytes
    assert 2 * summarise(model.to(torch.bfloat16), (1, 32, 32)).activation_bytes == whole


def test_weights_statistics_modes_and_hooks_stay_as_they_are():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    summarise(model, (1, 8, 9))
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert not nn.modules.module._global_forward_hooks


def test_a_model_that_fails_leaves_nothing_behind():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout())
    with pytest.raises(RuntimeError):
        summarise(model, (1, 8, 8))
    assert model.training
    assert model[1].training
    assert not nn.modules.module._global_forward_hooks


def test_the_table_has_aligned_columns_and_totals():
    lines = str(summarise(lenet5(), (1, 32, 32))).split("\n")
    assert len({len(line) for line in lines}) == 1
    assert " ".join(lines[0].split()) == "layer kind output parameters KiB multiply-adds field"
    assert lines[2].split() == ["c1.0", "Conv2d", "6×28×28", "156", "18.4", "117,600", "5"]
    assert lines[-1].split() == ["total", "61,706", "57.0", "416,520"]
    tall = str(summarise(nn.Conv2d(1, 1, (7, 1)), (1, 9, 9))).split("\n")
    assert tall[2].endswith("7×1")


@pytest.mark.parametrize("size", [(32, 32), (1, 3, 32, 32), (1, 0, 32)])
def test_an_input_size_that_is_none_is_an_error(size):
    with pytest.raises(ValueError, match=r"expected input_size \(C, H, W\), got"):
        summarise(lenet5(), size)


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="got 'c9'"):
        summarise(lenet5(), (1, 32, 32)).layer("c9")


@pytest.mark.cuda
def test_a_model_on_the_gpu_costs_the_same():
    assert summarise(lenet5().cuda(), (1, 32, 32)) == summarise(lenet5(), (1, 32, 32))
