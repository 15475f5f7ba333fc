"""The husky's chain of nouns, and where two chains meet."""

import pytest

from dlcv.data.wordnet import HUSKY_TREE, chain, meeting_point, paths


def test_the_chain_of_the_husky():
    """As WordNet 3.0 gives it (the first of each entry's synonyms)."""
    assert [noun.split(",")[0] for noun in chain(HUSKY_TREE, "husky")] == [
        "Eskimo dog", "working dog", "dog", "canine", "carnivore", "placental", "mammal",
        "vertebrate", "chordate", "animal", "organism", "living thing", "whole", "object",
        "physical entity", "entity",
    ]  # fmt: skip


def test_a_chain_by_hand():
    tree = {"a": {"b, beta": {"c": {}}, "d": {}}}
    assert chain(tree, "c") == ("c", "b, beta", "a")
    assert chain(tree, "beta") == ("b, beta", "a")
    assert meeting_point(tree, "c", "d") == "a"
    assert meeting_point(tree, "c", "beta") == "b, beta"


@pytest.mark.parametrize(
    ("other", "noun"),
    [
        ("husky", "Eskimo dog, husky"),
        ("terrier", "dog, domestic dog"),
        ("wolf", "canine, canid"),
        ("house cat", "carnivore"),
        ("flora", "organism, being"),
        ("vessel", "whole, unit"),
        ("entity", "entity"),
    ],
)
def test_where_chains_meet_does_not_depend_on_the_order(other, noun):
    assert meeting_point(HUSKY_TREE, "husky", other) == noun
    assert meeting_point(HUSKY_TREE, other, "husky") == noun


def test_the_tree_has_one_root_and_no_noun_twice():
    names = [path[-1] for path in paths(HUSKY_TREE)]
    assert len(names) == len(set(names))
    assert {path[0] for path in paths(HUSKY_TREE)} == {"entity"}


@pytest.mark.parametrize("word", ["unicorn", "dog, domestic dog"])
def test_an_unknown_word_is_an_error(word):
    with pytest.raises(ValueError, match="expected a word of the tree, got"):
        chain(HUSKY_TREE, word)
