"""Lectures 14 and 15: segmentation and captioning."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from sklearn.metrics import jaccard_score
from torch import nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

from benchmarks.checks import Check, count, difference, draw
from dlcv.captioning.bleu import bleu
from dlcv.captioning.captioner import Captioner
from dlcv.captioning.gates import Recurrent
from dlcv.captioning.vocabulary import Vocabulary
from dlcv.classification.backbone import backbone
from dlcv.data.scenes import KINDS, SceneConfig, render_scenes
from dlcv.detection.faster_rcnn import FasterRCNN
from dlcv.detection.mask_rcnn import MaskHead, MaskRCNN
from dlcv.segmentation.deconvnet import deconvnet
from dlcv.segmentation.fcn import fcn
from dlcv.segmentation.mean_iou import mean_iou
from dlcv.segmentation.unet import unet
from dlcv.segmentation.upsampling import conv_transpose2d, max_pool_with_switches, max_unpool

K = len(KINDS)
EXAMPLE = (  # Papineni et al. 2002, example 1: a candidate and its references
    "it is a guide to action which ensures that the military always obeys the commands of "
    "the party",
    (
        "it is a guide to action that ensures that the military will forever heed party commands",
        "it is the guiding principle which guarantees the military forces always being under the "
        "command of the party",
        "it is the practical guide for the army always to heed the directions of the party",
    ),
)
HITS = ((17, 18), (10, 17), (7, 16), (4, 15))  # pieces of 1, 2, 3 and 4 words, counted by hand


@cache
def words() -> int:
    """Return how many words captions of one or two objects have, end and start included."""
    scenes = render_scenes(400, seed=1, config=SceneConfig(size=32, objects=(1, 2)), masks=False)
    return len(Vocabulary([scenes.caption(i) for i in range(400)]).words)


def fcn8() -> Check:
    """The transposed convolution that enlarges its scores."""
    x, weight, bias = draw(2, 3, 5, 6), draw(3, 3, 4, 4, seed=1), draw(3, seed=2)
    got, expected = (f(x, weight, bias, 2, 1) for f in (conv_transpose2d, F.conv_transpose2d))
    size = count(fcn(backbone(), K + 1, 8))
    found = difference([got], [expected])
    return Check("segmentation.fcn.fcn", size, "torch's conv_transpose2d", found)


def deconvolution() -> Check:
    """Pooling that remembers where, and unpooling."""
    x = draw(2, 3, 7, 6)
    values, switches = max_pool_with_switches(x, 2)
    theirs, indices = F.max_pool2d(x, 2, return_indices=True)
    unpooled = F.max_unpool2d(theirs, indices, 2, output_size=(7, 6))
    got = [values, max_unpool(values, switches, (7, 6))]
    found = difference(got, [theirs, unpooled])
    size = count(deconvnet(K + 1))
    return Check("segmentation.deconvnet.deconvnet", size, "torch's max_unpool2d", found)


def u_net() -> Check:
    """The measure by which it is judged, class by class."""
    generator = torch.Generator().manual_seed(0)
    truth, guess = (torch.randint(K, (2, 20, 30), generator=generator) for _ in range(2))
    expected = jaccard_score(truth.flatten(), guess.flatten(), average=None, labels=range(K))
    found = difference([mean_iou(guess, truth, K)[1]], [expected])
    size = count(unet(backbone(), K + 1))
    return Check("segmentation.unet.unet", size, "scikit-learn's jaccard_score", found)


def mask() -> Check:
    """The mask branch on the features of five regions, with torchvision's weights."""
    torch.manual_seed(0)
    ours = MaskHead(8, K)
    theirs = nn.Sequential(MaskRCNNHeads(8, (8, 8), 1), MaskRCNNPredictor(8, 8, K))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.data.copy_(other.data)
    features = draw(5, 8, 7, 7, dtype=torch.float32)
    found = difference([ours(features)], [theirs(features)])
    size = count(MaskRCNN(FasterRCNN(backbone(), K)))
    reference = "torchvision's mask branch, with its weights"
    return Check("detection.mask_rcnn.MaskRCNN", size, reference, found)


def recurrent() -> tuple[float, str]:
    """States of an LSTM and their gradients."""
    ours, theirs = Recurrent("lstm", 3, 5).double(), nn.LSTM(3, 5, batch_first=True).double()
    values = [draw(*p.shape, seed=i) for i, p in enumerate(ours.parameters())]
    for parameter, value in zip(ours.parameters(), values, strict=True):
        parameter.data.copy_(value)
    for parameter, value in zip(theirs.parameters(), [*values, torch.zeros(20)], strict=True):
        parameter.data.copy_(value)
    x, grad = draw(2, 6, 3, seed=7), draw(2, 6, 5, seed=8)
    states, expected = ours(x)[0], theirs(x)[0]
    mine = torch.autograd.grad(states, ours.parameters(), grad)
    others = torch.autograd.grad(expected, list(theirs.parameters())[:3], grad)
    return difference([states, *mine], [expected, *others]), "torch's LSTM and its gradients"


def plain_captioner() -> Check:
    """A captioner that sees the image at every step."""
    found, reference = recurrent()
    size = count(Captioner(words(), "every"))
    return Check('captioning.captioner.Captioner(way="every")', size, reference, found)


def attention() -> Check:
    """The weighted mean of the places."""
    torch.manual_seed(0)
    model = Captioner(words(), "attend", channels=5, places=4, size=7, image_size=6).double()
    keys, values = model.look(draw(3, 4, 5))
    h = draw(3, 7, seed=1)
    expected = F.scaled_dot_product_attention(model.query(h)[:, None], keys, values)[:, 0]
    got = model.glimpse(torch.full((3,), 2), (keys, values), h)
    size = count(Captioner(words(), "attend"))
    reference = "torch's scaled_dot_product_attention"
    return Check(
        'captioning.captioner.Captioner(way="attend")',
        size,
        reference,
        difference([got], [expected]),
    )


def bleu_score() -> Check:
    """The first example of the paper, as long as one of its references: nothing is taken off."""
    got = bleu([EXAMPLE[0]], [EXAMPLE[1]])
    expected = math.exp(sum(math.log(hits / pieces) for hits, pieces in HITS) / 4)
    reference = "the paper's example, counted by hand"
    return Check("captioning.bleu", None, reference, difference([got], [expected]))


CHECKS = {
    "FCN-8s": fcn8,
    "DeconvNet": deconvolution,
    "U-Net": u_net,
    "Mask R-CNN": mask,
    "LSTM captioner": plain_captioner,
    "attention captioner": attention,
    "BLEU": bleu_score,
}
