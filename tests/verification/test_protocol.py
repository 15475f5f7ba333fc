"""The pair protocol: cases by hand, scikit-learn's curves, and thresholds chosen elsewhere."""

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from dlcv.verification.protocol import (
    area_under,
    best_threshold,
    make_pairs,
    roc,
    true_accepts_at,
    verification_accuracy,
)

SCORES = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.2])
SAME = torch.tensor([True, True, False, True, False])


def judged(seed, M=200, levels=None):
    """Scores of pairs, the same ones higher on average; with few levels, many are equal."""
    generator = torch.Generator().manual_seed(seed)
    same = torch.rand(M, generator=generator) < 0.4
    scores = torch.randn(M, generator=generator, dtype=torch.float64) + same
    return (scores if levels is None else (scores * levels).round() / levels), same


def right(scores, same, threshold):
    pairs = zip(scores.tolist(), same.tolist(), strict=True)
    return sum((score >= threshold) == y for score, y in pairs)


# --- threshold and folds ----------------------------------------------------------------------


def test_best_threshold_by_hand():
    """Between 0.2 and 0.6 only the pair at 0.7 is wrong; so it is between 0.7 and 0.8."""
    assert best_threshold(SCORES, SAME) == pytest.approx(0.4)
    assert best_threshold(SCORES[:3], SAME[:3]) == pytest.approx(0.75)


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_better_than_the_best(seed, levels):
    scores, same = judged(seed, 60, levels)
    best = right(scores, same, best_threshold(scores, same))
    tried = [right(scores, same, t) for t in [-math.inf, *scores.tolist(), math.inf]]
    assert best == max(tried)


@pytest.mark.parametrize(("same", "threshold"), [(True, -math.inf), (False, math.inf)])
def test_pairs_of_one_kind_are_all_accepted_or_all_rejected(same, threshold):
    assert best_threshold(SCORES, torch.full((5,), same)) == threshold
    assert best_threshold(SCORES[:1], torch.tensor([same])) == threshold


def test_equal_scores_cannot_be_told_apart():
    assert best_threshold(torch.ones(5), SAME) == -math.inf  # three of five are the same


def test_two_folds_by_hand():
    """The first fold is separated at 0.5, the second at 0.85; each is judged by the other's."""
    scores = torch.tensor([0.9, 0.8, 0.2, 0.1, 0.95, 0.9, 0.8, 0.6])
    same = torch.tensor([1, 1, 0, 0, 1, 1, 0, 0]).bool()
    got = verification_accuracy(scores, same, folds=2)
    assert got.thresholds.tolist() == pytest.approx([0.85, 0.5])
    assert got.per_fold.tolist() == [0.75, 0.5]
    assert got.mean == 0.625
    assert got.standard_error == pytest.approx(0.125)


def test_separated_pairs_are_all_right():
    same = torch.arange(100) % 2 == 0
    scores = same * 0.5 + torch.rand(100, generator=torch.Generator().manual_seed(0)) * 0.3
    got = verification_accuracy(scores, same)
    assert (got.mean, got.standard_error, len(got.per_fold)) == (1, 0, 10)


def test_folds_against_a_loop_that_tries_every_score():
    scores, same = judged(6, 97)
    got, start = verification_accuracy(scores, same, folds=10), 0
    for accuracy, threshold in zip(got.per_fold.tolist(), got.thresholds.tolist(), strict=True):
        stop = start + (10 if start < 70 else 9)  # 97 pairs: seven folds of 10, three of 9
        others = torch.tensor([i for i in range(97) if not start <= i < stop])
        tried = [right(scores[others], same[others], t) for t in scores[others].tolist()]
        assert right(scores[others], same[others], threshold) == max(tried)
        own = right(scores[start:stop], same[start:stop], threshold)
        assert accuracy == pytest.approx(own / (stop - start))
        start = stop
    assert start == 97
    assert got.mean == pytest.approx(got.per_fold.mean().item())
    assert got.standard_error == pytest.approx(got.per_fold.std().item() / math.sqrt(10))


def test_the_threshold_never_sees_the_fold_it_judges():
    scores, same = judged(7)
    before = verification_accuracy(scores, same)
    changed = scores.clone()
    changed[:20] = -changed[:20]  # the first fold
    assert verification_accuracy(changed, same).thresholds[0] == before.thresholds[0]


def test_with_scores_of_chance_only_a_threshold_of_ones_own_beats_chance():
    same, flattered, honest = torch.arange(200) % 2 == 0, [], []
    for seed in range(20):
        scores = torch.rand(200, generator=torch.Generator().manual_seed(seed))
        flattered.append(right(scores, same, best_threshold(scores, same)) / 200)
        honest.append(verification_accuracy(scores, same).mean)
    assert sum(flattered) / 20 > 0.53
    assert abs(sum(honest) / 20 - 0.5) < 0.03  # standard deviation of a mean of 20: 0.008


# --- ROC --------------------------------------------------------------------------------------


def test_a_curve_by_hand():
    curve = roc(SCORES, SAME)
    assert curve.true_accepts.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert curve.false_accepts.tolist() == [0, 0, 0, 0.5, 0.5, 1]
    assert curve.thresholds.tolist() == pytest.approx([math.inf, 0.9, 0.8, 0.7, 0.6, 0.2])
    assert area_under(curve) == pytest.approx(5 / 6)  # of the six couples one is in wrong order
    for limit, rate in ((0, 2 / 3), (0.49, 2 / 3), (0.5, 1), (1, 1)):
        assert true_accepts_at(curve, limit) == pytest.approx(rate)


@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_curve_is_scikit_learns(seed, levels):
    scores, same = judged(seed, levels=levels)
    curve = roc(scores, same)
    false, true, thresholds = roc_curve(same, scores, drop_intermediate=False)
    for got, expected in ((curve.false_accepts, false), (curve.true_accepts, true)):
        torch.testing.assert_close(got, torch.from_numpy(expected), rtol=0, atol=1e-12)
    assert curve.thresholds.tolist() == thresholds.tolist()
    assert area_under(curve) == pytest.approx(roc_auc_score(same, scores), abs=1e-12)
    for limit in (0.0, 0.01, 0.1, 0.5, 1.0):
        rate = max(t for f, t in zip(false, true, strict=True) if f <= limit)
        assert true_accepts_at(curve, limit) == pytest.approx(rate)


def test_equal_scores_make_the_diagonal():
    curve = roc(torch.ones(4), SAME[:4])
    assert curve.false_accepts.tolist() == curve.true_accepts.tolist() == [0, 1]
    assert area_under(curve) == 0.5
    assert true_accepts_at(curve, 0.1) == 0


# --- pairs ------------------------------------------------------------------------------------

LABELS = torch.arange(40).repeat_interleave(6)
LABELS = LABELS[torch.randperm(240, generator=torch.Generator().manual_seed(0))]


def test_pairs_are_what_they_say_and_none_comes_twice():
    pairs = make_pairs(LABELS, 600, folds=10, seed=1)
    assert [len(column) for column in pairs] == [600] * 3
    assert torch.equal(LABELS[pairs.first] == LABELS[pairs.second], pairs.same)
    assert (pairs.first < pairs.second).all()
    assert len(set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))) == 600


def test_every_fold_has_both_kinds_alike_and_its_own_people():
    pairs = make_pairs(LABELS, 600, folds=10, seed=1)
    people = []
    for first, second, same in zip(*(column.chunk(10) for column in pairs), strict=True):
        assert same.sum() == 30
        people.append(set(LABELS[torch.cat([first, second])].tolist()))
    assert sum(map(len, people)) == len(set().union(*people)) == 40


def test_pairs_depend_on_the_seed_alone():
    one, again, other = (make_pairs(LABELS, 60, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.first, again.first)
    assert not torch.equal(one.first, other.first)


def test_all_pairs_of_a_small_fold_by_hand():
    """Two people with two images: two pairs are the same, four are not."""
    pairs = make_pairs(torch.tensor([0, 1, 0, 1]), 4, folds=1)
    same = [(a, b) for a, b, y in zip(*(c.tolist() for c in pairs), strict=True) if y]
    assert sorted(same) == [(0, 2), (1, 3)]
    with pytest.raises(ValueError, match="expected at least 3 pairs of each kind in a fold, got 2"):
        make_pairs(torch.tensor([0, 1, 0, 1]), 6, folds=1)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_pairs(LABELS, 30), r"expected pairs in multiples of 2 · folds"),
        (lambda: make_pairs(LABELS, 0), r"expected pairs in multiples of 2 · folds"),
        (lambda: make_pairs(LABELS, 20, seed=-1), "a seed >= 0, got 20, 10 and -1"),
        (lambda: make_pairs(LABELS[:1], 20), "expected at least 1 pairs of each kind"),
        (lambda: make_pairs(LABELS.float(), 20), "expected whole numbers as labels"),
        (lambda: best_threshold(SCORES, SAME[:2]), r"expected scores \[M\] and same \[M\]"),
        (lambda: best_threshold(SCORES[:0], SAME[:0]), "M > 0, got"),
        (lambda: best_threshold(SCORES / 0, SAME), "expected finite scores, got inf"),
        (lambda: verification_accuracy(SCORES, SAME), "expected from 2 to 5 folds, got 10"),
        (lambda: verification_accuracy(SCORES, SAME, 1), "expected from 2 to 5 folds, got 1"),
        (lambda: roc(SCORES, SAME | True), "expected pairs of both kinds, got 5 of one"),
        (lambda: roc(SCORES, SAME & False), "expected pairs of both kinds, got 5 of one"),
        (lambda: true_accepts_at(roc(SCORES, SAME), 1.1), r"expected a rate in \[0, 1\], got 1.1"),
    ],
)
def test_the_protocol_says_what_it_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
