"""The network, the recipes and the numbers that were measured with them."""

import pytest
import torch
import torch.nn.functional as F

from dlcv.data.faces import FaceConfig, render_faces
from dlcv.verification import comparison, losses, margins, mining
from dlcv.verification.comparison import Budget, judge_verifier, measurements
from dlcv.verification.network import FaceNetwork, embed, pair_scores
from dlcv.verification.protocol import make_pairs
from dlcv.verification.recipes import RATES, RECIPES, train_verifier

SMALL = render_faces(8, 8, config=FaceConfig(16))
LABELS = torch.arange(4).repeat_interleave(3)


def batch():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    return x, torch.randn(4, 5, generator=generator, dtype=torch.float64)


def test_the_network_by_hand():
    network = FaceNetwork(7, size=16, width=2, dims=5)
    convolutions = 27 * 2 + 18 * 4 + 36 * 8 + 72 * 8
    norms = 2 * (2 + 4 + 8 + 8 + 5)
    body = sum(p.numel() for p in network.body.parameters())
    assert body == convolutions + norms + 8 * 4 * 5
    assert network.weight.shape == (7, 5)
    assert network(SMALL.images[:3]).shape == (3, 5)


def test_embeddings_lie_on_the_sphere_whatever_the_batches_and_the_mode_stays():
    torch.manual_seed(0)
    network = FaceNetwork(8, size=16, width=4)
    together, apart = embed(network, SMALL.images), embed(network, SMALL.images, batch_size=7)
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(64))
    assert network.training
    assert not together.requires_grad


@pytest.mark.parametrize("arguments", [(0,), (4, 20), (4, 16, 0), (4, 16, 4, 0), (4, 0)])
def test_a_network_says_what_it_expected(arguments):
    with pytest.raises(ValueError, match="expected numbers above 0 and a size in multiples of 8"):
        FaceNetwork(*arguments)


def test_a_score_is_the_cosine():
    x, pairs = batch()[0], mining.all_pairs(LABELS)
    expected = (F.normalize(x) @ F.normalize(x).T)[pairs.first, pairs.second]
    torch.testing.assert_close(pair_scores(x, pairs), expected)


def expected_losses(x, weight):
    unit, plain = F.normalize(x), x @ weight.T
    i, j, same = mining.all_pairs(LABELS)
    d = (unit[i] - unit[j]).norm(dim=1)
    t = mining.semi_hard_triplets(unit, LABELS, 0.3)
    near, far = ((unit[t[:, 0]] - unit[t[:, k]]) ** 2 for k in (1, 2))
    own = F.one_hot(LABELS, 4).bool()
    cos = F.normalize(x) @ F.normalize(weight).T
    theta = cos.acos()
    psi = torch.where(theta < torch.pi / 2, (2 * theta).cos(), -(2 * theta).cos() - 2)
    hinge = (1.2 - d).clamp(min=0)
    pulled, pushed = d[same] ** 2 / 2, hinge[~same] ** 2 / 2
    entropy = lambda logits: F.cross_entropy(logits, LABELS)  # noqa: E731
    return {
        "softmax": entropy(plain),
        "contrastive": (pulled.mean() + pushed.mean()) / 2,
        "DeepID2": entropy(plain) + 10 * (pulled.sum() + pushed.sum()) / len(same),
        "triplet": (near.sum(1) - far.sum(1) + 0.3).mean(),
        "NormFace": entropy(12 * cos),
        "SphereFace": entropy(16 * torch.where(own, (5 * cos + psi) / 6, cos)),
        "CosFace": entropy(16 * torch.where(own, cos - 0.2, cos)),
        "ArcFace": entropy(16 * torch.where(own, (theta + 0.2).cos(), cos)),
    }


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_its_formula(name):
    x, weight = batch()
    recipe = RECIPES[name]
    got = recipe.loss(x, weight, LABELS, **recipe.knobs)
    torch.testing.assert_close(got, expected_losses(x, weight)[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", RECIPES)
def test_gradcheck_of_a_recipe(name):
    x, weight = (value.requires_grad_() for value in batch())
    recipe = RECIPES[name]
    check = torch.autograd.gradcheck
    assert check(lambda x, w: recipe.loss(x, w, LABELS, **recipe.knobs), (x, weight))


def test_changing_a_recipe_leaves_the_original():
    changed = RECIPES["ArcFace"].but(lr=1.0, margin=0.5)
    assert (changed.lr, changed.knobs) == (1.0, {"margin": 0.5, "scale": 16.0})
    assert RECIPES["ArcFace"].knobs["margin"] == 0.2


def test_every_recipe_sees_as_many_pictures_in_as_many_steps():
    budget = Budget()
    for recipe in RECIPES.values():
        assert recipe.classes * recipe.per_class == 128
        assert budget.people % recipe.classes == budget.pictures % recipe.per_class == 0


@pytest.mark.parametrize("name", ["triplet", "ArcFace"])
def test_training_repeats_itself_and_learns(name):
    recipe = RECIPES[name].but(lr=0.01)
    recipe = type(recipe)(recipe.loss, recipe.knobs, 4, 4, recipe.lr)
    runs = [train_verifier(recipe, SMALL, 10, seed=1, width=4, dims=8) for _ in range(2)]
    assert runs[0][1].losses == runs[1][1].losses
    pairs = make_pairs(SMALL.labels, 80, folds=2)
    untrained = FaceNetwork(8, 16, 4, 8)
    learnt = judge_verifier(runs[0][0], SMALL, pairs)
    assert learnt.accuracy > judge_verifier(untrained, SMALL, pairs).accuracy + 0.1
    assert 0 <= learnt.tar <= 1


def test_strangers_are_strangers():
    budget = Budget(people=4, pictures=2, size=16, strangers=20, pairs=40)
    train = budget.training_faces()
    parts = {part: budget.strangers_of(part) for part in ("validation", "test")}
    people = [set(train.labels.tolist())]
    for faces, pairs in parts.values():
        people.append(set(faces.labels.tolist()))
        assert len(faces.images) == 200
        assert (faces.labels[pairs.first] == faces.labels[pairs.second]).equal(pairs.same)
    assert len(set.union(*people)) == 4 + 20 + 20


def test_every_loss_was_measured_alike():
    tuned, final = measurements("validation"), measurements("test")
    assert {(row.loss, row.lr) for row in tuned} == {(n, r) for n in RECIPES for r in RATES}
    assert len(tuned) == len(RECIPES) * len(RATES)
    for name, recipe in RECIPES.items():
        best = max((row for row in tuned if row.loss == name), key=lambda row: row.accuracy)
        rows = [row for row in final if row.loss == name]
        assert [row.seed for row in rows] == [1, 2, 3]
        assert {row.lr for row in rows} == {best.lr} == {recipe.lr}
        assert all(0.5 < row.accuracy <= 1 and 0 <= row.tar <= 1 for row in rows)
    with pytest.raises(ValueError, match="expected 'validation', 'test' or 'longer', got 'tr"):
        measurements("training")


def test_longer_trainings_have_the_same_seeds_and_rates():
    short, longer = measurements("test"), measurements("longer")
    assert [row[:1] + row[2:4] for row in short] == [row[:1] + row[2:4] for row in longer]


def test_the_losses_of_the_recipes_are_the_packages():
    assert RECIPES["ArcFace"].loss.keywords["logits"] is margins.arcface_logits
    assert comparison.FALSE_ACCEPTS == 0.01
    assert losses.joint_loss.__module__ == "dlcv.verification.losses"
