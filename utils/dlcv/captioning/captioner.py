"""A network that says what it sees: image features, an LSTM, and three ways to join them."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.captioning.gates import Recurrent, State
from dlcv.captioning.search import Hypothesis, Step, beam_search, greedy
from dlcv.captioning.vocabulary import NOTHING, Vocabulary

WAYS = ("first", "every", "attend")


class Encoder(Protocol):
    """What a captioner needs of a convolutional network."""

    def features(self, images: Tensor) -> list[Tensor]:
        """From images [B, 3, H, W] in [0, 1] to maps, from fine to coarse."""


@torch.no_grad()
def grid_features(encoder: Encoder, images: Tensor, batch_size: int = 250) -> Tensor:
    """Describe 4 × 4 places of every image by the two coarsest maps of an encoder.

    Both maps are averaged down to 4 × 4 and laid on top of each other. The encoder is frozen, so
    this is done once for all epochs; call it with the encoder in evaluation mode.

    Args:
        encoder: A network with `features`.
        images: uint8 [N, 3, H, W], N >= 1.
        batch_size: Images at once.

    Returns:
        Features [N, 16, C], place by place, row by row.

    Raises:
        ValueError: If the images are no uint8 [N, 3, H, W] with N >= 1.

    Taught in: lectures/15_captioning
    """
    if images.dim() != 4 or images.dtype != torch.uint8 or len(images) == 0:
        got = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"expected uint8 images [N, 3, H, W] with N >= 1, got {got}")
    grids = []
    for batch in images.split(batch_size):
        maps = encoder.features(batch.float() / 255)[-2:]
        stacked = torch.cat([F.adaptive_avg_pool2d(m, 4) for m in maps], dim=1)  # [b, C, 4, 4]
        grids.append(stacked.flatten(2).transpose(1, 2))
    return torch.cat(grids)


class Captioner(nn.Module):
    """An LSTM that writes a sentence about the features of an image.

    In all three ways the gates get $Ux_t+U_vv_t+Wh_{t-1}+b$. They differ in $v_t$: the image as one
    vector at the first step only ("first", Karpathy and Fei-Fei, 2015), at every step ("every",
    Donahue et al., 2015), or the places weighted anew for each word ("attend", Xu et al., 2015,
    with the scores of Luong et al. and Vaswani et al., $q\\cdot k/\\sqrt d$).

    Args:
        words: Number of words in the vocabulary V, end and start included.
        way: "first", "every" or "attend".
        channels: Numbers at each place C; 176 are those of the book's backbone.
        places: Places P.
        size: Numbers in the LSTM's state; teaching value.
        word_size: Numbers that stand for a word; teaching value.
        image_size: Numbers in $v_t$; teaching value.

    Raises:
        ValueError: If the way is unknown.

    Taught in: lectures/15_captioning
    """

    def __init__(
        self,
        words: int,
        way: str = "attend",
        channels: int = 176,
        places: int = 16,
        size: int = 96,
        word_size: int = 24,
        image_size: int = 64,
    ) -> None:
        super().__init__()
        if way not in WAYS:
            raise ValueError(f"expected a way of {WAYS}, got {way!r}")
        self.way = way
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.embed = nn.Embedding(words, word_size)
        self.cell = Recurrent("lstm", word_size + image_size, size)
        self.speak = nn.Linear(size, words)
        if way == "attend":
            self.key = nn.Linear(channels, image_size, bias=False)  # softmax would cancel it
            self.query = nn.Linear(size, image_size)
            self.value = nn.Linear(channels, image_size)
            self.place = nn.Parameter(torch.zeros(places, image_size))
        else:
            flat = nn.Linear(places * channels, image_size)
            self.summary = nn.Sequential(flat, nn.BatchNorm1d(image_size))

    def standardise(self, grids: Tensor) -> None:
        """Remember mean and spread of each channel of training features [N, P, C]."""
        self.std, self.mean = torch.std_mean(grids, dim=(0, 1))
        self.std = self.std + 1e-3

    def look(self, grids: Tensor) -> State:
        """Prepare images [B, P, C]: vectors ([B, D],), or keys and values [B, P, D]."""
        x = (grids - self.mean) / self.std
        if self.way == "attend":
            return self.key(x), torch.relu(self.value(x) + self.place)
        return (torch.tanh(self.summary(x.flatten(1))),)

    def attention(self, image: State, h: Tensor) -> Tensor:
        """Weight the places [B, P] by what the state [B, D] asks for."""
        keys, query = image[0], self.query(h)
        scores = (keys @ query[:, :, None])[:, :, 0] / math.sqrt(query.shape[1])
        return scores.softmax(dim=1)

    def glimpse(self, words: Tensor, image: State, h: Tensor) -> Tensor:
        """Compute $v_t$ [B, D] for the word after `words` [B]."""
        if self.way == "attend":
            return (self.attention(image, h)[:, None] @ image[1])[:, 0]
        if self.way == "every":
            return image[0]
        return image[0] * (words == Vocabulary.start)[:, None]

    def step(self, words: Tensor, image: State, state: State) -> tuple[Tensor, State]:
        """From the last words [B] to logits of the next [B, V], and the next state."""
        v = self.glimpse(words, image, state[0])
        state = self.cell.step(torch.cat([self.embed(words), v], dim=1), state)
        return self.speak(state[0]), state

    def narrator(self, grids: Tensor) -> Step:
        """Return the step of these images [B, P, C] for a search; with one, any number of rows."""
        image = self.look(grids)

        def step(words: Tensor, state: State) -> tuple[Tensor, State]:
            same = tuple(part.expand(len(words), *part.shape[1:]) for part in image)
            return self.step(words.to(grids.device), same, state)

        return step

    @torch.no_grad()
    def greedy(self, grids: Tensor, longest: int = 9) -> Tensor:
        """Say the most probable word at every step: numbers [B, longest], -1 after the end."""
        return greedy(self.narrator(grids), self.cell.start(len(grids)), longest)

    @torch.no_grad()
    def beam(
        self,
        grid: Tensor,
        width: int,
        longest: int = 9,
        watch: Callable[[list[Hypothesis]], object] | None = None,
    ) -> list[Hypothesis]:
        """Search the best sentences for one image [P, C], see `beam_search`."""
        step, state = self.narrator(grid[None]), self.cell.start(1)
        return beam_search(step, state, width, longest, watch=watch)


def teacher_forcing_loss(model: Captioner, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the mean cross-entropy of every right word, given the right words before it.

    $-\\frac1T\\sum_t\\log p(w_t\\mid w_{<t},I)$ over all words of the batch, ends included. Rows
    are sorted by length, so that no step is computed for a sentence that is over.

    Args:
        model: The captioner.
        batch: Features [B, P, C] and words int64 [B, T], -1 after the end.

    Taught in: lectures/15_captioning
    """
    grids, words = batch
    order = (words != NOTHING).sum(dim=1).argsort(descending=True)
    image, words = model.look(grids[order]), words[order]
    state, last = model.cell.start(len(words)), torch.full_like(words[:, 0], Vocabulary.start)
    losses = []
    for t, count in enumerate((words != NOTHING).sum(dim=0).tolist()):
        if count == 0:
            break
        image, state = (tuple(part[:count] for part in parts) for parts in (image, state))
        logits, state = model.step(last[:count], image, state)
        last = words[:count, t]
        losses.append(F.cross_entropy(logits, last, reduction="none"))
    return torch.cat(losses).mean()
