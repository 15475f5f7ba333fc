"""Checks and solutions: BLEU's clipped counts, beam search, a captioner of one's own."""

import itertools

import torch
from torch import Tensor

from dlcv.captioning.bleu import clipped_matches, exact_match
from dlcv.captioning.mistakes import MISTAKES, mistakes
from dlcv.data.scenes import SceneConfig, render_scenes
from dlcv.study.exercises.base import attempt, expect

END, START = 0, 1


# ------------------------------------------------------------------------------------ 15.clipped
def check_clipped(answer: object) -> None:
    """Papineni's example, and others in which a wrong rule shows."""
    cases = (
        ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"], 1),
        ("a a b", ["a b b", "a a c"], 1),
        ("a b a b", ["a b c", "b a b"], 2),
        ("a fish", ["a fish"], 3),
    )
    for candidate, references, n in cases:
        words, right = candidate.split(), [text.split() for text in references]
        got = attempt(answer, words, right, n)
        expected = clipped_matches(words, right, n)
        expect(isinstance(got, int), f"expected a whole number, got {type(got).__name__}.")
        pieces = list(zip(*(words[i:] for i in range(n)), strict=False))
        every = {p for r in right for p in zip(*(r[i:] for i in range(n)), strict=False)}
        if got == expected:
            continue
        case = f"“{candidate}” against {references}, n = {n}"
        if got == sum(piece in every for piece in pieces):
            expect(
                False, f"{case}: got {got}. A piece counts at most as often as in one reference."
            )
        if got == sum(clipped_matches(words, [one], n) for one in right):
            expect(
                False, f"{case}: got {got}. Of several references the *best* counts, not the sum."
            )
        expect(False, f"{case}: expected {expected}, got {got}.")


def solve_clipped(candidate, references, n):
    """For each different piece, the smaller of two counts."""

    def pieces(words):
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    total = 0
    for piece in set(pieces(candidate)):
        most = max(pieces(reference).count(piece) for reference in references)
        total += min(pieces(candidate).count(piece), most)
    return total


# ------------------------------------------------------------------------------------ 15.beam
def toy_languages() -> list[Tensor]:
    """Log-probabilities of the next of 4 words given the last, [4, 4]; the first fools greed."""
    tricky = torch.tensor(
        [
            [0.25, 0.25, 0.25, 0.25],
            [0.02, 0.02, 0.56, 0.4],
            [0.4, 0.0, 0.3, 0.3],
            [0.97, 0.01, 0.01, 0.01],
        ]
    )
    generator = torch.Generator().manual_seed(15)
    others = [(1.5 * torch.randn(4, 4, generator=generator)).softmax(1) for _ in range(4)]
    return [(table + 1e-9).log() for table in (tricky, *others)]


def enumerate_sentences(table: Tensor, longest: int) -> list[tuple[tuple[int, ...], float]]:
    """Every sentence of a toy language with its log-probability, best first."""
    found = {}
    for words in itertools.product(range(4), repeat=longest):
        if END in words:
            words = words[: words.index(END) + 1]
        pairs = zip((START, *words[:-1]), words, strict=True)
        found[words] = sum(table[a, b].item() for a, b in pairs)
    return sorted(found.items(), key=lambda item: -item[1])


def check_beam(answer: object) -> None:
    """Wide beams must find the best sentence of toys small enough to list, narrow ones as ours."""
    for number, table in enumerate(toy_languages()):
        best = enumerate_sentences(table, 4)[0][0]
        for width in (64, 1, 2):
            got = attempt(answer, table, width, 4)
            case = f"toy {number + 1}, width {width}"
            expect(isinstance(got, tuple | list), f"{case}: expected words, got {got!r}.")
            got = tuple(int(word) for word in got)
            expected = tuple(solve_beam(table, width, 4))
            if got == expected:
                continue
            expect(got[:1] != (START,), f"{case}: leave out the start.")
            greedy = tuple(solve_beam(table, 1, 4))
            if width > 1 and got == greedy:
                expect(False, f"{case}: that is the greedy choice; keep several beginnings.")
            expect(END in got or len(got) == 4, f"{case}: {got} stops before the end.")
            after = got[got.index(END) + 1 :] if END in got else ()
            expect(not after, f"{case}: {got} goes on after its end.")
            if width == 64:
                expect(False, f"{case}: expected the best of all sentences, {best}, got {got}.")
            expect(False, f"{case}: expected {expected}, got {got}.")


def solve_beam(table, width, longest):
    """Grow every live hypothesis by every word, keep the best few, the finished among them."""
    kept = [((), 0.0)]
    for _ in range(longest):
        grown = []
        for words, score in kept:
            if words[-1:] == (END,):
                grown.append((words, score))
                continue
            last = words[-1] if words else START
            grown += [((*words, k), score + table[last, k].item()) for k in range(len(table))]
        kept = sorted(grown, key=lambda one: -one[1])[:width]
    return kept[0][0]


# ------------------------------------------------------------------------------------ 15.captioner
def check_captioner(answer: object) -> None:
    """Shows 300 new scenes and wants 60 % of the captions right to the last word."""
    scenes = render_scenes(300, seed=1506, config=SceneConfig(objects=(1, 2)), masks=False)
    right = scenes.captions()
    said = attempt(answer, scenes.images)
    is_list = isinstance(said, list) and all(isinstance(text, str) for text in said)
    expect(is_list, f"expected a list of texts, got {type(said).__name__}.")
    expect(len(said) == len(right), f"expected 300 captions, got {len(said)}.")
    rate = exact_match(said, right)
    if rate > 0.6:
        return
    expect(len(set(said)) > 1, f"all 300 scenes got the same caption, “{said[0]}”.")
    found = [mistakes(a, b) for a, b in zip(said, right, strict=True)]
    counts = ", ".join(f"{name} {sum(name in one for one in found)}" for name in MISTAKES)
    expect(False, f"{rate:.0%} of 300 captions are right, 60 % are wanted. Mistakes: {counts}.")


CAPTIONER_SOLUTION = """
def my_describe(images):
    grids = grid_features(encoder, images)
    return vocabulary.decode(captioner.greedy(grids))


encoder = backbone(pretrained=True).eval()
scenes = render_scenes(3000, seed=77, config=SceneConfig(objects=(1, 2)), masks=False)
grids, captions = grid_features(encoder, scenes.images), scenes.captions()
vocabulary = Vocabulary(captions)
torch.manual_seed(0)
captioner = Captioner(len(vocabulary), "attend")
captioner.standardise(grids)
recipe = TrainConfig(9, 8e-3, "adamw", schedule="cosine", warmup_steps=30, clip_norm=5.0)
batches = Batches(grids, vocabulary.encode(captions), 128)
fit(captioner, batches, teacher_forcing_loss, recipe)
captioner.eval()
"""
