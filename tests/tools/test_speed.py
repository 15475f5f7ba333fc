"""Speed as ratios: a clock of its own for the arithmetic, both sides alike, the table fresh."""

import pytest
import torch

from benchmarks import speed
from benchmarks.checks import count, difference
from benchmarks.contests import Contest, Pair, models, operations, summarise, time_pair
from benchmarks.speed import Row, as_markdown, in_words, make_row, read_rows, update, write_rows
from tools.executions import ROOT

CPU = torch.device("cpu")
STALE = "the table is out of date: run python -m benchmarks.speed --write"
EMPTY = "# Page\n\n% speed\n% /speed\n\nThe end.\n"
KORNIA = pytest.mark.skipif(not operations.has_kornia(), reason="kornia is not installed")


# --- the table in the book -----------------------------------------------------------------------
def test_the_appendix_shows_the_data_file():
    page = (ROOT / "book" / "appendix.md").read_text("utf-8")
    assert update(page, read_rows()) == page, STALE


def test_the_data_file_holds_contests_that_exist():
    assert {what for what, _ in read_rows()} <= set(speed.CONTESTS), STALE


# --- time ----------------------------------------------------------------------------------------
class Clock:
    """Time that passes only where somebody works."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def __call__(self):
        return self.now

    def work(self, name, seconds):
        times = iter(seconds) if isinstance(seconds, list) else None

        def call():
            self.calls.append(name)
            self.now += seconds if times is None else next(times)

        return call


def test_the_ratio_is_ours_over_theirs():
    clock = Clock()
    timing = time_pair(Pair(clock.work("a", 0.3), clock.work("b", 0.1)), clock, budget_s=2.0)
    assert timing.ratio == pytest.approx(3)
    assert (timing.low, timing.high) == pytest.approx((3, 3))
    assert (timing.ours_ms, timing.theirs_ms) == pytest.approx((300, 100))
    assert "".join(clock.calls) == "aabb" + "abba" * 2 + "ab"  # five rounds are the fewest


def test_a_short_call_is_repeated_until_the_turn_is_long_enough():
    clock = Clock()
    time_pair(Pair(clock.work("a", 0.008), clock.work("b", 0.03)), clock, budget_s=0.0)
    assert "".join(clock.calls) == "aabb" + "aaabbaaa" * 2 + "aaab"


def test_a_fast_contest_gets_fifteen_rounds_and_no_more():
    clock = Clock()
    time_pair(Pair(clock.work("a", 0.02), clock.work("b", 0.02)), clock, budget_s=100.0)
    assert len(clock.calls) == 4 + 2 * 15


def test_the_warm_up_does_not_count():
    clock = Clock()
    ours = clock.work("a", [9.0, 9.0] + [0.1] * 5)
    timing = time_pair(Pair(ours, clock.work("b", 0.1)), clock, budget_s=0.0)
    assert timing.ratio == pytest.approx(1)


def test_rounds_are_compared_with_themselves_so_that_a_slow_moment_cancels():
    timing = summarise([1.0, 2.0, 30.0, 4.0, 5.0], [2.0, 4.0, 60.0, 8.0, 10.0])
    assert (timing.ratio, timing.low, timing.high) == (0.5, 0.5, 0.5)
    assert (timing.ours_ms, timing.theirs_ms) == (4000, 8000)


def test_the_quartiles_by_hand():
    timing = summarise([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)
    assert (timing.low, timing.ratio, timing.high) == (2, 3, 4)


def test_a_side_that_nobody_else_has_is_timed_alone():
    clock = Clock()
    timing = time_pair(Pair(clock.work("a", 0.5), None), clock, budget_s=0.0)
    assert timing.ours_ms == pytest.approx(500)
    assert timing.ratio is timing.theirs_ms is None


# --- both sides do the same ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "contest", [c for c in operations.CONTESTS if c.same], ids=lambda c: c.what
)
def test_both_sides_return_the_same(contest):
    pair = contest.make(CPU)
    if pair.theirs is None:
        pytest.skip("there is no other side")
    assert difference([pair.ours()], [pair.theirs()]) < 1e-5


@pytest.mark.parametrize(
    ("make", "strength"),
    [
        (operations.mirror, 0.0),
        (operations.shifted_crop, 0),
        (operations.colours, 0.0),
        pytest.param(operations.turned, 0.0, marks=KORNIA),
    ],
)
def test_augmentations_of_strength_zero_leave_the_images(make, strength):
    images, pair = operations.noise(CPU, 256, 3, 32, 32), make(CPU, strength)
    for side in pair:
        torch.testing.assert_close(side(), images, rtol=1e-4, atol=1e-5)


@KORNIA
def test_both_sides_cut_out_squares_of_one_size():
    for side in operations.cut_out(CPU, size=8):
        black = (side() == 0).all(dim=1).sum(dim=(1, 2))
        assert black.max() == 64
        assert (black > 0).all()


@pytest.mark.parametrize("make", [models.faster, models.mask, models.ssd, models.retina])
def test_detectors_are_of_one_size_on_both_sides(make):
    torch.manual_seed(0)
    ours, theirs = make()
    assert count(ours) == pytest.approx(count(theirs), rel=0.01)


def test_detectors_have_the_same_anchors():
    images = torch.zeros(1, 3, models.SIZE, models.SIZE)
    ours, theirs = models.ssd()
    listed = models.tv.image_list.ImageList(images, [(models.SIZE, models.SIZE)])
    boxes = theirs.anchor_generator(listed, list(theirs.backbone(images).values()))[0]
    assert boxes.shape == ours(images)[2].shape
    ours, theirs = models.faster()
    boxes = theirs.rpn.anchor_generator(listed, list(theirs.backbone(images).values()))[0]
    assert boxes.shape == ours.anchors(ours.features(images)).shape


@pytest.mark.parametrize("way", [models.training, models.searching])
def test_a_detector_trains_and_searches_on_both_sides(way):
    pair = way(models.ssd, CPU)
    one, other = pair.ours(), pair.theirs()
    if way is models.training:
        assert one.isfinite()
        assert other.isfinite()
    else:
        assert len(one) == len(other) == models.BATCH
        assert set(other[0]) == set(one[0])


# --- data file and table -------------------------------------------------------------------------
def row(what="render 32 scenes", device="cpu", ratio=None):
    contest = Contest(what, "0", "none", lambda device: None)
    timing = summarise([0.1234, 0.1234], None if ratio is None else [0.1234 / ratio] * 2)
    return make_row(contest, torch.device(device), timing)


def test_what_is_written_is_read_back(tmp_path):
    rows = {(r.what, r.device): r for r in (row(), row("mirror 256 images", ratio=0.5))}
    rows["gone", "cpu"] = row("gone")
    write_rows(rows, tmp_path / "speed.csv")
    again = read_rows(tmp_path / "speed.csv")
    assert again == {key: value for key, value in rows.items() if key[0] != "gone"}
    assert again["render 32 scenes", "cpu"].ours_ms == 123.4
    assert isinstance(again["render 32 scenes", "cpu"], Row)
    assert read_rows(tmp_path / "none.csv") == {}


def test_the_table_says_what_is_not_measured_and_what_has_no_other_side():
    only = row("mirror 256 images", ratio=0.5)
    table = as_markdown({(r.what, r.device): r for r in (row(), only)})
    lines = {
        line.split(" | ")[1]: line.split(" | ")[3:] for line in table.splitlines() if "](" in line
    }
    assert lines["mirror 256 images"] == ["123", "0.5 (0.5 to 0.5)", "not yet measured |"]
    assert lines["render 32 scenes"] == ["123", "–", "not yet measured |"]
    assert lines["NMS of 100 boxes"] == ["not yet measured"] * 2 + ["not yet measured |"]
    assert list(lines) == list(speed.CONTESTS)
    assert in_words(None) == "not yet measured"


def test_a_page_is_updated_in_its_place_alone():
    page = update(EMPTY, {})
    assert page.startswith("# Page\n")
    assert page.endswith("% /speed\n\nThe end.\n")
    assert update(page, {}) == page
    with pytest.raises(ValueError, match="expected a page with a place"):
        update("# Page", {})


def test_a_reference_that_is_not_installed_is_said_plainly(capsys):
    contest = Contest("turn", "3", "x", lambda device: 1 / 0, needs="no_such_package")
    assert speed.measure(CPU, [contest]) == []
    assert "turn: left out, no_such_package is not installed" in capsys.readouterr().out


def test_large_ratios_are_written_out():
    row = speed.Row("NMS", "cpu", 5.0, 0.03, 166.4, 151.0, 183.9, 1, "m", "v")
    assert speed.in_words(row) == "170 (150 to 180)"
