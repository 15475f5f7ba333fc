"""A set as a sequence: one box after another, until the network says stop."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.captioning.gates import Recurrent, State


class BoxWriter(nn.Module):
    """An LSTM that sees the image at every step and gives a box and whether there is one.

    Args:
        channels: Numbers at each place of the features C.
        places: Places P.
        size: Numbers in the state; teaching value.
        image_size: Numbers that stand for the image; teaching value.

    Reference:
        After Stewart, Andriluka and Ng, End-to-End People Detection in Crowded Scenes, 2016, who
        match the boxes to the truth; here the order is prescribed, from left to right.

    Taught in: lectures/15_captioning
    """

    def __init__(
        self, channels: int = 176, places: int = 16, size: int = 64, image_size: int = 64
    ) -> None:
        super().__init__()
        flat = nn.Linear(places * channels, image_size)
        self.summary = nn.Sequential(nn.Flatten(), flat, nn.BatchNorm1d(image_size), nn.ReLU())
        self.cell = Recurrent("lstm", image_size + 4, size)
        self.answer = nn.Linear(size, 5)

    def step(self, image: Tensor, last: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """From the last boxes [B, 4] to the next ones, logits [B] of "one more", and the state."""
        state = self.cell.step(torch.cat([image, last], dim=1), state)
        answer = self.answer(state[0])
        return torch.sigmoid(answer[:, :4]), answer[:, 4], state

    def loss(self, grids: Tensor, boxes: Tensor) -> Tensor:
        """Teach boxes [B, K, 4] as shares of the side, left to right, zeros after the last."""
        image, state = self.summary(grids), self.cell.start(len(grids))
        last, terms = torch.zeros_like(boxes[:, 0]), []
        closed = F.pad(boxes, (0, 0, 0, 1))  # one step more, for the stop
        for k in range(closed.shape[1]):
            there = closed[:, k].any(dim=1).float()
            box, more, state = self.step(image, last, state)
            going_on = last.any(dim=1).float() if k else torch.ones_like(there)
            stop = F.binary_cross_entropy_with_logits(more, there, reduction="none") * going_on
            terms.append(stop + 5 * there * (box - closed[:, k]).abs().sum(dim=1))
            last = closed[:, k]
        return torch.stack(terms).sum(dim=0).mean()

    @torch.no_grad()
    def write(self, grids: Tensor, longest: int = 8) -> list[Tensor]:
        """Return the boxes [n, 4] of every image, as shares of its side."""
        image, state = self.summary(grids), self.cell.start(len(grids))
        last, going_on = grids.new_zeros(len(grids), 4), torch.ones(len(grids), dtype=torch.bool)
        boxes, kept = [], []
        for _ in range(longest):
            last, more, state = self.step(image, last, state)
            going_on = going_on & (more > 0).cpu()
            boxes.append(last)
            kept.append(going_on)
        stacked, there = torch.stack(boxes, dim=1), torch.stack(kept, dim=1)
        return [one[mask.to(one.device)] for one, mask in zip(stacked, there, strict=True)]
