"""A model of text: what comes next, given all that came before?"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcv.captioning.gates import Recurrent, State
from dlcv.captioning.search import Step, greedy
from dlcv.captioning.vocabulary import NOTHING, Vocabulary


class LanguageModel(nn.Module):
    """A recurrent network over words or letters, which may begin from a state it is given.

    Args:
        words: Number of words in the vocabulary V, end and start included.
        kind: "rnn", "lstm" or "gru".
        size: Numbers in the state; teaching value.
        word_size: Numbers that stand for a word; teaching value.

    Taught in: lectures/15_captioning
    """

    def __init__(self, words: int, kind: str = "lstm", size: int = 48, word_size: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, word_size)
        self.cell = Recurrent(kind, word_size, size)
        self.speak = nn.Linear(size, words)

    def step(self, words: Tensor, state: State) -> tuple[Tensor, State]:
        """From the last words [B] to logits of the next [B, V], and the next state."""
        state = self.cell.step(self.embed(words), state)
        return self.speak(state[0]), state

    def forward(self, words: Tensor, state: State | None = None) -> Tensor:
        """Score every next word of sentences, given the right words before it.

        Args:
            words: int64 [B, T], -1 after the end.
            state: The state to begin with, zeros where None.

        Returns:
            Logits [B, T, V]; those at -1 mean nothing.
        """
        start = torch.full_like(words[:, :1], Vocabulary.start)
        before = torch.cat([start, words[:, :-1].clamp(min=0)], dim=1)
        states, _ = self.cell(self.embed(before), state)
        return self.speak(states)

    def loss(self, words: Tensor, state: State | None = None) -> Tensor:
        """Return the mean cross-entropy of every right word, ends included."""
        logits = self(words, state)
        return F.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=NOTHING)

    def say(self, state: State, longest: int) -> Tensor:
        """Say the most probable word at every step: numbers [B, longest], -1 after the end."""
        step: Step = self.step
        return greedy(step, state, longest)
