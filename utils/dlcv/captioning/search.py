"""From a model that scores the next word to a whole sentence: greedy, beam, sampling."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.captioning.gates import State
from dlcv.captioning.vocabulary import NOTHING

Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass(frozen=True)
class Hypothesis:
    """A beginning of a sentence, or a whole one.

    Attributes:
        words: Numbers of its words; the last is the end if the sentence is whole.
        log_prob: $\\sum_t\\log p(w_t\\mid w_{<t})$, in nats.
    """

    words: tuple[int, ...]
    log_prob: float


@torch.no_grad()
def beam_search(
    step: Step,
    state: State,
    width: int,
    longest: int,
    start: int = 1,
    end: int = 0,
    watch: Callable[[list[Hypothesis]], object] | None = None,
) -> list[Hypothesis]:
    """Keep the `width` most probable beginnings at every step; width 1 is the greedy choice.

    Args:
        step: Function (last words [n], state of n rows) -> (logits of the next word [n, V], state).
        state: The state at the start, tensors of one row.
        width: Hypotheses kept, >= 1.
        longest: Most words of a sentence, the end included, >= 1.
        start: The word before the first.
        end: The word after which nothing follows.
        watch: Called after every step with the hypotheses kept, best first.

    Returns:
        The hypotheses kept at the end, best first; one that met `longest` may lack the end.

    Raises:
        ValueError: If width or longest is less than 1.

    Taught in: lectures/15_captioning
    """
    if width < 1 or longest < 1:
        raise ValueError(f"expected width >= 1 and longest >= 1, got {width} and {longest}")
    kept, words = [Hypothesis((), 0.0)], torch.tensor([start])
    for _ in range(longest):
        live = [one for one in kept if one.words[-1:] != (end,)]
        if not live:
            break
        logits, state = step(words, state)
        scores = torch.log_softmax(logits, dim=1)  # [n, V]
        scores = scores + torch.tensor([[one.log_prob] for one in live]).to(scores)
        best, places = scores.flatten().topk(min(width, scores.numel()))
        parents, words = places // scores.shape[1], places % scores.shape[1]
        ways = zip(best.tolist(), parents.tolist(), words.tolist(), strict=True)
        grown = [(Hypothesis((*live[p].words, w), score), p) for score, p, w in ways]
        whole = [(one, -1) for one in kept if one.words[-1:] == (end,)]
        chosen = sorted(whole + grown, key=lambda pair: -pair[0].log_prob)[:width]
        kept = [one for one, _ in chosen]
        going_on = [(one, p) for one, p in chosen if one.words[-1] != end]
        state = tuple(rows[[p for _, p in going_on]] for rows in state)
        words = torch.tensor([one.words[-1] for one, _ in going_on], dtype=torch.int64)
        if watch is not None:
            watch(kept)
    return kept


@torch.no_grad()
def greedy(step: Step, state: State, longest: int, start: int = 1, end: int = 0) -> Tensor:
    """Say the most probable word at every step, for many sentences at once.

    Args:
        step, longest, start, end: As in `beam_search`.
        state: The states at the start, tensors of B rows.

    Returns:
        Numbers [B, longest], -1 after the end.

    Raises:
        ValueError: If longest is less than 1.

    Taught in: lectures/15_captioning
    """
    if longest < 1:
        raise ValueError(f"expected longest >= 1, got {longest}")
    words = torch.full((len(state[0]),), start, device=state[0].device)
    said, over = [], torch.zeros_like(words, dtype=torch.bool)
    for _ in range(longest):
        logits, state = step(words, state)
        words = logits.argmax(dim=1)
        said.append(words.masked_fill(over, NOTHING))
        over = over | (words == end)
    return torch.stack(said, dim=1)


@torch.no_grad()
def sample(
    step: Step,
    state: State,
    longest: int,
    temperature: float = 1.0,
    start: int = 1,
    end: int = 0,
    generator: torch.Generator | None = None,
) -> list[int]:
    """Draw a sentence word by word from the softened probabilities.

    Args:
        step, state, longest, start, end: As in `beam_search`.
        temperature: See `dlcv.captioning.vocabulary.soften`; 1 leaves the probabilities.
        generator: Of the random numbers.

    Returns:
        Numbers of the words, without the end.

    Raises:
        ValueError: If longest is less than 1 or the temperature not positive.

    Taught in: lectures/15_captioning
    """
    if longest < 1 or not temperature > 0:
        got = f"{longest} and {temperature}"
        raise ValueError(f"expected longest >= 1 and a temperature > 0, got {got}")
    words = [start]
    for _ in range(longest):
        logits, state = step(torch.tensor(words[-1:]), state)
        probs = torch.softmax(logits[0] / temperature, dim=0)
        word = int(torch.multinomial(probs, 1, generator=generator))
        if word == end:
            break
        words.append(word)
    return words[1:]
