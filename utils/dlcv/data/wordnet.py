"""A small piece of WordNet, the tree of nouns that ImageNet hangs its pictures on."""

from collections.abc import Iterator

Tree = dict[str, "Tree"]

HUSKY_TREE: Tree = {
    "entity": {
        "physical entity": {
            "object, physical object": {
                "whole, unit": {
                    "artifact, artefact": {
                        "instrumentality, instrumentation": {
                            "conveyance, transport": {
                                "vehicle": {"craft": {"vessel, watercraft": {}}}
                            }
                        }
                    },
                    "living thing, animate thing": {
                        "organism, being": {
                            "animal, animate being": {
                                "chordate": {
                                    "vertebrate, craniate": {
                                        "mammal, mammalian": {
                                            "placental, placental mammal": {
                                                "carnivore": {
                                                    "canine, canid": {
                                                        "dog, domestic dog": {
                                                            "hunting dog": {"terrier": {}},
                                                            "working dog": {
                                                                "Eskimo dog, husky": {},
                                                                "shepherd dog, sheepdog": {},
                                                            },
                                                        },
                                                        "fox": {},
                                                        "wolf": {},
                                                    },
                                                    "feline, felid": {
                                                        "cat, true cat": {
                                                            "domestic cat, house cat": {}
                                                        }
                                                    },
                                                }
                                            }
                                        }
                                    }
                                }
                            },
                            "plant, flora": {},
                        }
                    },
                }
            }
        }
    }
}
"""From "entity" down to the husky, with a few of the branches that leave the path."""


def paths(tree: Tree, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Go through all nouns of a tree; each comes as the path from the root down to it."""
    for name, below in tree.items():
        yield (*above, name)
        yield from paths(below, (*above, name))


def chain(tree: Tree, word: str) -> tuple[str, ...]:
    """Return the nouns from a word up to the root, each an instance of the next.

    Args:
        tree: nouns, each with the tree of the nouns below it; synonyms are separated by commas.
        word: one of the synonyms, for example "husky".

    Raises:
        ValueError: if the tree does not hold the word.

    Reference:
        Miller, WordNet: a lexical database for English, Communications of the ACM 38, 1995.

    Taught in: lectures/00_orientation
    """
    for path in paths(tree):
        if word in path[-1].split(", "):
            return path[::-1]
    raise ValueError(f"expected a word of the tree, got {word!r}")


def meeting_point(tree: Tree, first: str, second: str) -> str:
    """Return the narrowest noun that covers two words: where their chains meet.

    Raises:
        ValueError: if the tree does not hold a word.

    Taught in: lectures/00_orientation
    """
    above = set(chain(tree, second))
    return next(noun for noun in chain(tree, first) if noun in above)
