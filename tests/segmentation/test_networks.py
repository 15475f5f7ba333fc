"""FCN, U-Net and DeconvNet: shapes, counts, what they begin as, and that they learn."""

import pytest
import torch
from torch import nn

from dlcv.classification.backbone import backbone
from dlcv.classification.imagenet import imagenet_backbone
from dlcv.classification.vgg import vgg16
from dlcv.data.batches import Batches
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.segmentation.deconvnet import DeconvNet, deconvnet, deconvnet_vgg16
from dlcv.segmentation.fcn import convolutionalise, fcn
from dlcv.segmentation.pipeline import (
    judge,
    label_pixels,
    load_measured,
    segmentation_loss,
    turn,
)
from dlcv.segmentation.unet import UNet, crop_to, unet
from dlcv.study.facts import fact
from dlcv.training import TrainConfig, fit


def count(module: nn.Module, kind: type = nn.Module) -> int:
    layers = [m for m in module.modules() if isinstance(m, kind)]
    return sum(p.numel() for m in layers for p in m.parameters(recurse=False))


# --- a classifier made convolutional -------------------------------------------------------------


def test_a_linear_layer_becomes_a_kernel():
    torch.manual_seed(0)
    layer, maps = nn.Linear(2 * 3 * 3, 5).double(), torch.randn(4, 2, 6, 5).double()
    conv = convolutionalise(layer, channels=2, size=3)
    torch.testing.assert_close(
        conv(maps[..., :3, :3])[..., 0, 0], layer(maps[..., :3, :3].flatten(1))
    )
    window = maps[..., 2:5, 1:4].flatten(1)
    torch.testing.assert_close(conv(maps)[:, :, 2, 1], layer(window))


def test_all_of_vgg16_becomes_convolutional():
    """The whole classifier, on 224 pixels one answer, on 256 pixels four."""
    with torch.device("meta"):
        head = [m for m in vgg16(num_classes=1000).modules() if isinstance(m, nn.Linear)]
    assert [layer.in_features for layer in head] == [25088, 4096, 4096]
    kernels = [
        convolutionalise(layer, *shape)
        for layer, shape in zip(head, ((512, 7), (4096, 1), (4096, 1)), strict=True)
    ]
    assert kernels[0].weight.shape == (4096, 512, 7, 7)
    assert sum(count(k) for k in kernels) == sum(count(layer) for layer in head)


def test_a_layer_of_another_size_is_an_error():
    with pytest.raises(ValueError, match="a layer with 18 inputs, got 20"):
        convolutionalise(nn.Linear(20, 5), channels=2, size=3)


def test_score_layers_of_the_fact_sheet():
    for id, channels in (("SCORE-FR", 4096), ("SCORE-P4", 512), ("SCORE-P3", 256)):
        fact(f"L14-{id}", count(nn.Conv2d(channels, 21, 1)))


# --- FCN -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("finest", [32, 16, 8, 4, 2])
@pytest.mark.parametrize("size", [(64, 96), (57, 75)])
def test_every_pixel_gets_scores(finest, size):
    model = fcn(backbone(), 5, finest).eval()
    images = torch.rand(2, 3, *size)
    assert model(images).shape == (2, 5, *size)
    sides = [tuple(scores.shape[2:]) for scores in model.score_maps(images)]
    halves = [tuple(-(-n // s) for n in size) for s in model.strides]
    assert sides == halves
    assert model.strides[-1] == finest


def test_the_skips_begin_silent():
    """With new skips at zero, FCN-8s gives the scores of its coarsest map alone."""
    model = fcn(backbone(pretrained=True), 4, 8).eval()
    images = torch.rand(1, 3, 64, 64)
    _, *finer = model.score_maps(images)
    biases = [layer.bias.detach()[:, None, None] for layer in model.score[1:]]
    for scores, bias in zip(finer, biases, strict=True):
        torch.testing.assert_close(scores, bias.expand_as(scores))


def test_fusing_adds_up():
    """Scores are added linearly: the sum of what each map gives alone."""
    model = fcn(backbone(), 3, 8).eval()
    torch.manual_seed(0)
    scores = [torch.randn(1, 3, side, side) for side in (2, 4, 8)]
    silent = [torch.zeros_like(s) for s in scores]
    alone = [model.fuse([*silent[:i], scores[i], *silent[i + 1 :]], (64, 64)) for i in range(3)]
    torch.testing.assert_close(model.fuse(scores, (64, 64)), sum(alone))


@pytest.mark.parametrize("kind", ["bilinear", "learnt", "nearest"])
def test_kinds_of_enlarging_differ_only_in_their_weights(kind):
    model = fcn(backbone(), 3, 8, kind).eval()
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    assert count(model) - count(fcn(backbone(), 3, 8)) == (2 * 9 * 16 if kind == "learnt" else 0)


def test_a_stride_that_the_backbone_lacks_is_an_error():
    with pytest.raises(ValueError, match="a backbone that ends at 16 or 32, got 3 of"):
        fcn(backbone(), 3, 3)
    with pytest.raises(ValueError, match=r"got 2 of a backbone with strides \[4, 8, 16, 32\]"):
        fcn(imagenet_backbone(), 3, 2)


@pytest.mark.parametrize("finest", [32, 16, 8, 4])
def test_a_backbone_that_ends_at_stride_32_is_not_pooled_once_more(finest):
    torch.manual_seed(0)
    model = fcn(imagenet_backbone(), 5, finest).eval()
    images = torch.rand(2, 3, 64, 96)
    assert model(images).shape == (2, 5, 64, 96)
    maps = model.score_maps(images)
    assert model.strides == [s for s in (32, 16, 8, 4) if s >= finest]
    assert [x.shape[2:] for x in maps] == [(64 // s, 96 // s) for s in model.strides]
    last = model.backbone.features(images)[-1]
    torch.testing.assert_close(maps[0], model.score[0](model.top[1:](last)))


# --- U-Net ---------------------------------------------------------------------------------------


def test_the_network_of_the_paper():
    """23 convolutions, transposed ones counted (Section 2); 572 pixels in, 388 out (Figure 1)."""
    with torch.device("meta"):
        model = UNet()
        assert model(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(m, kinds) for m in model.modules()) == 23


def test_with_padding_the_size_stays():
    model = UNet(3, 3, widths=(4, 6, 8), padding=1).eval()
    assert model(torch.rand(1, 3, 24, 36)).shape == (1, 3, 24, 36)


def test_the_middle_is_cut_out():
    maps = torch.arange(30.0).reshape(1, 1, 5, 6)
    assert crop_to(maps, (3, 2)).flatten().tolist() == [8, 9, 14, 15, 20, 21]
    with pytest.raises(ValueError, match="at least 6×6, got 5×6"):
        crop_to(maps, (6, 6))


@pytest.mark.parametrize("size", [(64, 96), (57, 75)])
def test_a_unet_on_a_backbone(size):
    images = torch.rand(1, 3, *size)
    assert unet(backbone(), 5).eval()(images).shape == (1, 5, *size)
    assert unet(imagenet_backbone(), 5, (32, 16, 8)).eval()(images).shape == (1, 5, *size)


def test_the_bridges_are_used():
    """A change in the finest map of the backbone alone reaches the scores."""
    model = unet(backbone(), 3).eval()
    maps = model.backbone.features(torch.rand(1, 3, 32, 32))
    finest = maps[0].detach().requires_grad_()
    model.backbone.features = lambda images: [finest, *(m.detach() for m in maps[1:])]
    model(torch.rand(1, 3, 32, 32)).sum().backward()
    assert finest.grad.abs().sum() > 0


def test_widths_that_do_not_fit_are_an_error():
    from dlcv.segmentation.unet import BackboneUNet

    with pytest.raises(ValueError, match="expected 3 widths, got 2"):
        BackboneUNet(backbone(), 3, widths=(8, 8))


# --- DeconvNet -----------------------------------------------------------------------------------


def test_the_parameters_of_the_paper():
    with torch.device("meta"):
        fact("L14-DECONVNET-W", count(deconvnet_vgg16()) / 1e6)


@pytest.mark.parametrize("unpooling", ["switches", "corner", "nearest"])
def test_a_small_deconvnet(unpooling):
    model = deconvnet(3, size=32, unpooling=unpooling).eval()
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 3, 32, 32)
    y = model.unpool(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 3), (2, 2))
    expected = {"switches": [0, 0, 0, 1], "corner": [1, 0, 0, 0], "nearest": [1, 1, 1, 1]}
    assert y.flatten().tolist() == expected[unpooling]


def test_unknown_deconvnets_are_errors():
    with pytest.raises(ValueError, match="a multiple of 8 pixels, got 30"):
        deconvnet(3, size=30)
    with pytest.raises(ValueError, match="expected one of"):
        DeconvNet(3, (8, 8), (1,), 8, 4)
    with pytest.raises(ValueError, match="got 'mean'"):
        deconvnet(3, unpooling="mean")


# --- what they share -----------------------------------------------------------------------------


@pytest.mark.parametrize("symmetry", range(8))
def test_labels_turn_with_their_picture(symmetry):
    images = torch.arange(18.0).reshape(1, 2, 3, 3)
    turned = turn(images, symmetry)
    assert torch.equal(turned[:, 0] + 9, turned[:, 1])
    assert sorted(turned.flatten().tolist()) == images.flatten().tolist()


def test_the_eight_symmetries_differ_and_other_arguments_are_errors():
    square = torch.arange(9.0).reshape(3, 3)
    assert len({tuple(turn(square, s).flatten().tolist()) for s in range(8)}) == 8
    with pytest.raises(ValueError, match=r"a symmetry from 0 to 7, got \[3, 3\] and 8"):
        turn(square, 8)
    with pytest.raises(ValueError, match="expected square images"):
        turn(torch.zeros(3, 4), 0)


def test_boxes_and_pixels_turn_alike():
    """The symmetries are those of the detectors."""
    from dlcv.detection import pipeline

    images = torch.arange(32.0).reshape(1, 2, 4, 4)
    for symmetry in range(8):
        theirs, _ = pipeline.turn(images, torch.zeros(1, 1, 4), symmetry)
        assert torch.equal(turn(images, symmetry), theirs)


def test_the_loss_of_a_perfect_segmenter_is_zero_however_it_is_turned():
    class Copy(nn.Module):
        def forward(self, images):
            return 100 * torch.cat([1 - images[:, :1], images[:, :1]], dim=1)

    images = 255 * torch.randint(2, (2, 3, 8, 8), dtype=torch.uint8)
    batch = images, images[:, 0] // 255
    for seed in range(8):
        torch.manual_seed(seed)
        assert segmentation_loss(Copy(), batch).item() < 1e-6
    assert torch.equal(label_pixels(Copy(), images, batch_size=1), batch[1])
    assert judge(Copy(), *batch, num_classes=2).mean_iou == 1


@pytest.mark.parametrize("build", [lambda: fcn(backbone(True), 9), lambda: unet(backbone(True), 9)])
def test_a_segmenter_learns_a_few_scenes(build):
    scenes = render_scenes(
        8, seed=14, config=SceneConfig(size=32, objects=(1, 1), radius=(0.3, 0.4))
    )
    torch.manual_seed(0)
    model = build()
    config = TrainConfig(epochs=25, lr=4e-3, optimiser="adam")
    history = fit(model, Batches(scenes.images, scenes.semantic, 8), segmentation_loss, config)
    assert history.losses[-1] < 0.5 * history.losses[0]
    assert judge(model, scenes.images, scenes.semantic, 9).pixel_accuracy > 0.8


def test_measured_numbers_are_plausible_and_the_best_rate_lies_between_others():
    measured = load_measured()
    for name, row in measured.items():
        tried = {float(rate): value for rate, value in row["rates"].items()}
        assert min(tried) < max(tried, key=tried.get) < max(tried), name
        assert len(row.get("long", [0.5] * 3)) == 3, name
        assert all(0 < value < 1 for value in row.get("long", [])), name
    assert max(measured["FCN-8s"]["rates"].values()) > max(measured["FCN-32s"]["rates"].values())
    assert min(measured["FCN-8s, 96 px"]["long"]) > 0.62
    assert min(measured["U-Net, 96 px"]["long"]) > 0.74
