import pytest

from dlcv.study import show_source
from dlcv.study.facts import Fact, fact
from dlcv.study.widgets.base import within


def test_functions_and_classes_are_shown_under_their_dotted_names():
    shown = show_source(fact, Fact)
    assert "# dlcv.study.facts.fact\ndef fact(" in repr(shown)
    assert shown._repr_html_().count("<details>") == 2


def test_code_is_escaped():
    assert "&lt;" in show_source(within)._repr_html_()  # least <= value


def test_other_things_have_no_source():
    with pytest.raises(TypeError, match="expected functions or classes, got int"):
        show_source(3)
