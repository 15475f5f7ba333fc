import pytest

from dlcv.study.markup import to_html, to_plain


def test_marks_become_elements_and_the_rest_is_escaped():
    assert to_html("a *small* `x < y` & <b>") == (
        "a <em>small</em> <code>x &lt; y</code> &amp; &lt;b&gt;"
    )


def test_formulas_become_mathml_with_no_tex_left():
    fragment = to_html(r"the fraction $\frac{1}{2}$ and $\tilde{w}^\top x \le 0$")
    assert fragment.count("<math") == 2
    assert "<mfrac>" in fragment
    assert "\\" not in fragment


def test_plain_text_keeps_the_words():
    assert to_plain("a *small* `kernel` of $K$ pixels") == "a small kernel of K pixels"


def test_unknown_command_is_an_error():
    with pytest.raises(ValueError, match=r"known commands, got '\\\\foo'"):
        to_html(r"$\foo$")


def test_lonely_dollar_is_an_error():
    with pytest.raises(ValueError, match="partner"):
        to_html("it costs 5$")
