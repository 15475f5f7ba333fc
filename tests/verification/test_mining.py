"""Pairs and triplets of a batch: counted, listed by loops, and true to their inequalities."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from dlcv.study.facts import fact
from dlcv.verification.losses import triplet_loss
from dlcv.verification.mining import (
    all_pairs,
    all_triplets,
    hard_triplets,
    random_triplets,
    semi_hard_triplets,
)

BALANCED = torch.arange(8).repeat_interleave(4)
LINE = torch.tensor([[0.0], [1.0], [1.2], [3.0]])  # two of class 0, then two of class 1
LINE_LABELS = torch.tensor([0, 0, 1, 1])


def random_batch(seed, B=14, D=3, classes=4):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(B, D, generator=generator, dtype=torch.float64)
    return F.normalize(x), torch.randint(classes, (B,), generator=generator)


def listed(labels):
    """Every valid triplet in rising order, by three loops."""
    return [
        [a, p, n]
        for a, p, n in itertools.product(range(len(labels)), repeat=3)
        if a != p and labels[a] == labels[p] != labels[n]
    ]


def test_a_batch_of_eight_identities_with_four_images():
    """32 · 3 positives · 28 negatives; 32 · 31 / 2 pairs, of which 8 · 6 positive."""
    pairs = all_pairs(BALANCED)
    fact("L09-NPAIRS", len(pairs.same))
    fact("L09-NPOS", pairs.same.sum())
    fact("L09-NTRIPLETS", len(all_triplets(BALANCED)))


def test_pairs_of_three_by_hand():
    pairs = all_pairs(torch.tensor([5, 7, 5]))
    assert pairs.first.tolist() == [0, 0, 1]
    assert pairs.second.tolist() == [1, 2, 2]
    assert pairs.same.tolist() == [False, True, False]


@pytest.mark.parametrize("seed", range(3))
def test_all_triplets_are_those_that_three_loops_find(seed):
    labels = random_batch(seed)[1]
    assert all_triplets(labels).tolist() == listed(labels.tolist())


@pytest.mark.parametrize(("P", "K"), [(1, 4), (4, 1), (2, 2), (12, 8), (48, 2)])
def test_the_number_of_triplets_of_a_balanced_batch(P, K):
    count = len(all_triplets(torch.arange(P).repeat_interleave(K)))
    assert count == P * K * (K - 1) * (P - 1) * K


def test_random_triplets_are_valid_and_different_and_equally_likely():
    labels = random_batch(3)[1]
    valid = listed(labels.tolist())
    got = random_triplets(labels, 50, torch.Generator().manual_seed(0)).tolist()
    assert len(got) == 50
    assert len(set(map(tuple, got))) == 50
    assert all(triplet in valid for triplet in got)
    assert sorted(random_triplets(labels, 10**6, torch.Generator()).tolist()) == valid
    generator, counts = torch.Generator().manual_seed(1), torch.zeros(4)
    for _ in range(400):  # four anchors of the same eight triplets
        counts[random_triplets(LINE_LABELS, 1, generator)[0, 0]] += 1
    assert counts.min() > 65  # 100 expected, standard deviation 9


def test_semi_hard_triplets_by_hand():
    """From 1.0 the positive is 1 away, the negatives 0.04 (too near) and 4 (the margin is kept).

    From 3.0 the positive (1.2) is 3.24 away, the negatives 4 (semi-hard below a margin of 0.76) and
    9. From 1.2 both negatives, 0.04 and 1.44 away, are nearer than the positive (3.24); from 0 one
    (1.2) is 1.44 away, the positive 1, and the other at 9.
    """
    assert semi_hard_triplets(LINE, LINE_LABELS, 0.5).tolist() == [[0, 1, 2]]
    assert semi_hard_triplets(LINE, LINE_LABELS, 1.0).tolist() == [[0, 1, 2], [3, 2, 1]]


@pytest.mark.parametrize("margin", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_semi_hard_triplets_are_those_that_three_loops_find(seed, margin):
    x, labels = random_batch(seed)
    rows = x.tolist()
    expected = []
    for a, p, n in listed(labels.tolist()):
        near, far = math.dist(rows[a], rows[p]) ** 2, math.dist(rows[a], rows[n]) ** 2
        if near < far < near + margin:
            expected.append([a, p, n])
    assert semi_hard_triplets(x, labels, margin).tolist() == expected
    assert expected


def test_a_semi_hard_triplet_costs_something_but_less_than_the_margin():
    x, labels = random_batch(5)
    for triplet in semi_hard_triplets(x, labels, 0.3)[:40]:
        a, p, n = x[triplet][:, None]
        assert 0 < triplet_loss(a, p, n, 0.3) < 0.3


def test_hard_triplets_by_hand():
    assert hard_triplets(LINE, LINE_LABELS).tolist() == [[0, 1, 2], [1, 0, 2], [2, 3, 1], [3, 2, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_no_triplet_of_an_anchor_costs_more_than_its_hard_one(seed):
    x, labels = random_batch(seed)
    hard = hard_triplets(x, labels)
    valid = torch.tensor(listed(labels.tolist()))
    assert hard[:, 0].tolist() == valid[:, 0].unique().tolist()

    def costs(triplets):
        a, p, n = x[triplets].unbind(1)
        return ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1)

    for triplet, cost in zip(hard, costs(hard), strict=True):
        assert triplet.tolist() in valid.tolist()
        assert costs(valid[valid[:, 0] == triplet[0]]).max() <= cost + 1e-12


@pytest.mark.parametrize("labels", [[], [1], [1, 1], [1, 2]])
def test_batches_without_a_triplet(labels):
    x, labels = torch.rand(len(labels), 2), torch.tensor(labels, dtype=torch.int64)
    found = (
        all_triplets(labels),
        random_triplets(labels, 3, torch.Generator()),
        semi_hard_triplets(x, labels, 0.2),
        hard_triplets(x, labels),
    )
    assert [list(triplets.shape) for triplets in found] == [[0, 3]] * 4
    x = x.requires_grad_()
    loss = triplet_loss(*x[semi_hard_triplets(x, labels, 0.2)].unbind(1), 0.2)
    loss.backward()
    assert loss.item() == 0
    assert x.grad.abs().sum() == 0


def test_mining_says_what_it_expected():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"expected whole numbers as labels \[B\], got"):
        all_triplets(torch.zeros(3))
    with pytest.raises(ValueError, match=r"expected whole numbers as labels \[B\], got"):
        all_pairs(torch.zeros(3, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="expected embeddings"):
        hard_triplets(x, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="expected a margin above 0, got 0"):
        semi_hard_triplets(x, torch.tensor([0, 1, 1]), 0)
    with pytest.raises(ValueError, match="expected a count of at least 0, got -1"):
        random_triplets(LINE_LABELS, -1, torch.Generator())
