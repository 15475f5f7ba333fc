"""Make the weights that ship with the book: `make backbone`, about three minutes on one core.

The network names the glyph, its colour and its pattern. The run is the same each time on the same
machine; another processor or torch rounds differently and ends at other weights that are as good.
"""

import time

import torch
from safetensors.torch import save
from torch import nn
from torch.nn.functional import cross_entropy

from dlcv.classification.backbone import CHANNELS, WEIGHTS, Backbone, backbone
from dlcv.data.batches import Batches
from dlcv.data.glyphs import GlyphConfig, Glyphs, render_glyphs
from dlcv.data.palette import COLOURS, PATTERNS
from dlcv.device import seed_everything
from dlcv.training import TrainConfig, fit
from tools.executions import ROOT

CLASSES = range(120)
SIZES_PX, TRAIN, TEST, BATCH, EPOCHS = (32, 48, 64), 8000, 600, 64, 7  # TRAIN, TEST for each size
OTHER_WEIGHT = 0.3  # of the losses of colour and pattern
FOLDER = ROOT / "utils" / "dlcv" / "classification" / "weights"


class Source(nn.Module):
    """The backbone with three heads: glyph, colour, pattern."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Backbone()
        counts = (len(CLASSES), len(COLOURS), len(PATTERNS))
        self.heads = nn.ModuleList(nn.Linear(CHANNELS[-1], count) for count in counts)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Logits for each of the three questions."""
        features = self.body(images)
        return [head(features) for head in self.heads]


def glyphs(seed: int, count: int, size: int) -> Glyphs:
    """Render glyphs before the scenes' water and sand."""
    return render_glyphs(
        count, CLASSES, seed, config=GlyphConfig(size, radius=(0.20, 0.47), noise=0.08)
    )


def loss(model: Source, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of the three answers; half of the batches are mirrored."""
    images, labels = batch
    images = images.float() / 255
    if torch.rand(()) < 0.5:
        images = images.flip(3)
    parts = [cross_entropy(z, y) for z, y in zip(model(images), labels.T, strict=True)]
    return parts[0] + OTHER_WEIGHT * (parts[1] + parts[2])


class Mixed:
    """Batches of several sizes, shuffled among each other; every batch has one size."""

    def __init__(self, parts: list[Glyphs]) -> None:
        self.parts = [
            Batches(p.images, torch.stack(p[1:], 1), BATCH, seed=i) for i, p in enumerate(parts)
        ]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def epoch(self, number: int):
        """Go through all batches of an epoch, the sizes taking turns."""
        for group in zip(*[part.epoch(number) for part in self.parts], strict=True):
            yield from group


@torch.no_grad()
def accuracies(model: Source, part: Glyphs) -> list[float]:
    """Share of right answers to the three questions, on images not trained on."""
    model.eval()
    logits = [model(chunk.float() / 255) for chunk in part.images.split(500)]
    model.train()
    return [
        (torch.cat([z[k] for z in logits]).argmax(1) == part[k + 1]).float().mean().item()
        for k in range(3)
    ]


def main() -> None:
    """Train, report, and write the weights as float16."""
    seed_everything(0)
    torch.set_num_threads(1)
    start = time.process_time()
    model, train = Source(), Mixed([glyphs(seed=0, count=TRAIN, size=s) for s in SIZES_PX])
    config = TrainConfig(EPOCHS, lr=0.1, weight_decay=5e-4, schedule="cosine", warmup_steps=100)
    history = fit(model, train, loss, config, on_epoch=lambda h: print(h.epochs[-1]))
    print(f"{time.process_time() - start:.0f} CPU seconds, {len(history.losses)} steps")
    for size in SIZES_PX:
        found = accuracies(model, glyphs(seed=1, count=TEST, size=size))
        print(size, "px: glyph, colour, pattern", [f"{value:.3f}" for value in found])
    small = {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.body.state_dict().items()
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / WEIGHTS).write_bytes(save(small))
    print("Now put the new checksum into backbone.py and the numbers above into the data card.")
    backbone(pretrained=True)  # says so, unless the checksum is right already


if __name__ == "__main__":
    main()
