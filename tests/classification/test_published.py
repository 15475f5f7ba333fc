"""The list of networks: accuracies against torchvision and the fact sheet, costs against papers."""

import re
from pathlib import Path

import pytest
import torchvision

import dlcv
from dlcv.classification.published import NETWORKS, cost_of

ROOT = Path(dlcv.__file__).parents[2]
BY_NAME = {network.name: network for network in NETWORKS}
IN_TORCHVISION = {
    "AlexNet (one tower)": "alexnet",
    **{f"VGG-{k}": f"vgg{k}" for k in (11, 13, 16, 19)},
    "GoogLeNet": "googlenet",
    "Inception v3": "inception_v3",
    **{f"ResNet-{k}": f"resnet{k}" for k in (18, 34, 50, 101, 152)},
    "ResNeXt-50 (32x4d)": "resnext50_32x4d",
    **{f"DenseNet-{k}": f"densenet{k}" for k in (121, 169, 201, 161)},
    "SqueezeNet": "squeezenet1_0",
    "MobileNetV2 1.0": "mobilenet_v2",
    "MnasNet 1.0": "mnasnet1_0",
    **{f"EfficientNet-B{k}": f"efficientnet_b{k}" for k in range(8)},
}
FACTS = {
    "GoogLeNet": "L06-SLIM-INCEPTION-V1-T1",
    "MobileNet v1 1, 224 px": "L06-MB1-ACC",
    "MobileNetV2 1.0": "L06-MB2-ACC",
    "EfficientNet-B0": "L06-EFF-B0-ACC",
    "EfficientNet-B7": "L06-EFF-B7-ACC",
}
ERRORS = {"SKNet-50": "L06-SK50-ERR"}


def reported(model: str, weights: str) -> float | None:
    """Top-1 accuracy in torchvision's documentation of its weights, None if there are none."""
    known = torchvision.models.get_model_weights(model).__members__
    return known[weights].meta["_metrics"]["ImageNet-1K"]["acc@1"] if weights in known else None


@pytest.mark.parametrize("name", IN_TORCHVISION)
def test_the_columns_of_torchvision_are_its_own(name):
    network, model = BY_NAME[name], IN_TORCHVISION[name]
    assert network.torchvision == reported(model, "IMAGENET1K_V1")
    assert network.newer == reported(model, "IMAGENET1K_V2")


def test_no_other_network_claims_to_have_weights_there():
    others = [network for network in NETWORKS if network.name not in IN_TORCHVISION]
    assert all(network.torchvision is None and network.newer is None for network in others)


def test_published_accuracies_agree_with_the_fact_sheet():
    from dlcv.study.facts import load_facts

    facts = load_facts()
    for name, id in FACTS.items():
        assert BY_NAME[name].published == facts[id].value
    for name, id in ERRORS.items():
        assert BY_NAME[name].published == pytest.approx(100 - facts[id].value)


def test_every_number_has_a_source_and_every_source_an_entry():
    bibliography = (ROOT / "book" / "references.bib").read_text("utf-8")
    keys = set(re.findall(r"@\w+\{([^,]+),", bibliography))
    for network in NETWORKS:
        assert (network.published is None) == (network.source == "") == (network.key == "")
        assert network.key in keys | {""}
        assert network.published or network.torchvision
        assert 40 < (network.published or network.torchvision) < 90


def test_names_are_unique_and_short_ones_short():
    assert len(BY_NAME) == len(NETWORKS) == len({network.short for network in NETWORKS})
    assert max(len(network.short) for network in NETWORKS) <= 11


@pytest.mark.parametrize(
    ("name", "parameters_m", "multiply_adds_g", "depth"),
    [  # as printed in the papers
        ("VGG-16", 138, 15.5, 16),
        ("SKNet-50", 27.5, 4.47, None),
        ("MobileNet v1 0.5, 224 px", 1.33, 0.149, 28),
        ("EfficientNet-B0", 5.3, 0.39, None),
        ("DenseNet-121", 8.0, 2.83, 121),
    ],
)
def test_costs_are_those_of_the_papers(name, parameters_m, multiply_adds_g, depth):
    cost = cost_of(BY_NAME[name])
    assert cost.parameters / 1e6 == pytest.approx(parameters_m, rel=0.01)
    assert cost.multiply_adds / 1e9 == pytest.approx(multiply_adds_g, rel=0.015)
    assert depth is None or cost.depth == depth
    assert cost.activation_bytes > 0
