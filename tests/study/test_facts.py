import pytest

from dlcv.study import fact, fact_table
from dlcv.study.facts import WIDTH, load_facts


def test_the_sheet_has_every_row_once():
    facts = load_facts()
    assert len(facts) == 778
    assert all(row.tolerance >= 0 and row.source for row in facts.values())


def test_a_value_that_agrees_is_printed_with_its_source(capsys):
    fact("L04-IM2COL-ROWS", 1024)
    assert capsys.readouterr().out == (
        "✓ rows of the im2col matrix, 32x32x3, 5x5 P2 S1: 1,024 rows  [arithmetic]\n"
    )


def test_a_quoted_fact_says_so(capsys):
    fact("L04-LRN-K")
    assert capsys.readouterr().out.startswith("cited LRN constant k: 2  [Krizhevsky")


@pytest.mark.parametrize("value", [1023, 1024.5, float("nan"), float("inf")])
def test_a_value_that_is_off_is_an_error(value):
    with pytest.raises(ValueError, match=r"L04-IM2COL-ROWS: expected 1024"):
        fact("L04-IM2COL-ROWS", value)


def test_the_tolerance_of_the_row_counts():
    fact("L04-LRN-SQ3", 0.661965)
    with pytest.raises(ValueError, match=r"expected 0\.66196"):
        fact("L04-LRN-SQ3", 0.6621)


def test_an_unknown_id_names_its_neighbours():
    with pytest.raises(ValueError, match="such as L04-OUT-32-5-1-2"):
        fact("L04-NOTHING", 1)


def test_a_table_says_once_what_its_facts_share(capsys):
    fact_table({"L06-ALEX-CONV1": 34_848, "L06-ALEX-CONV2": 307_200})
    assert capsys.readouterr().out == (
        "✓ 2 facts. AlexNet (two towers) weights of\n"
        "  conv1: 34,848 weights · conv2: 307,200 weights\n"
        "[Krizhevsky et al. 2012]\n"
    )


def test_facts_with_nothing_in_common_are_told_in_full(capsys):
    fact_table({"L06-VGG-A": 132_863_336, "L04-LRN-K": None})
    shown = capsys.readouterr().out
    assert shown.startswith("cited 2 facts.\n  VGG configuration A")
    assert "132,863,336 parameters" in shown
    assert "constant k: 2" in shown


def test_a_table_of_one_fact(capsys):
    fact_table({"L06-VGG-A": 132_863_336})
    assert capsys.readouterr().out.startswith(
        "✓ 1 facts. VGG configuration A (11 weight layers) parameters\n  132,863,336 parameters\n"
    )


def test_one_wrong_number_spoils_a_table():
    with pytest.raises(ValueError, match="L06-ALEX-CONV2: expected 307200"):
        fact_table({"L06-ALEX-CONV1": 34_848, "L06-ALEX-CONV2": 614_400})
    with pytest.raises(ValueError, match="at least one fact"):
        fact_table({})


def test_every_fact_fits_on_a_page(capsys):
    for id in load_facts():
        fact(id)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.startswith("cited ") for line in lines) == len(load_facts())
