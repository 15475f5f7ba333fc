"""A tree of names as folded HTML, and as text where there is none."""

import re

from dlcv.study.tree import show_tree

TREE = {"animal": {"dog": {"husky": {}, "pug": {}}, "a <b> & c": {}}, "stone": {}}


def test_every_name_with_others_below_it_opens_and_only_those():
    shown = show_tree(TREE)._repr_html_()
    assert re.findall(r"<summary>(.*?)</summary>", shown) == ["animal", "dog"]
    assert shown.count("<details") == shown.count("</details>") == 2
    assert " open>" not in shown


def test_chosen_branches_are_open():
    shown = show_tree(TREE, opened=("dog", "husky"))._repr_html_()
    assert re.findall(r" open><summary>(.*?)<", shown) == ["dog"]


def test_a_name_is_text_whatever_it_holds():
    assert "a &lt;b&gt; &amp; c" in show_tree(TREE)._repr_html_()


def test_as_text_it_is_indented():
    assert repr(show_tree(TREE)).splitlines() == [
        "animal", "  dog", "    husky", "    pug", "  a <b> & c", "stone",
    ]  # fmt: skip


def test_an_empty_tree():
    assert repr(show_tree({})) == ""
    assert "<details" not in show_tree({})._repr_html_()
