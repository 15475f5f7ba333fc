"""The task ladder shows, for every question, what the package knows about the scene."""

import re

import pytest
import torch

from dlcv.data.joints import SKELETONS
from dlcv.data.scenes import COLOURS, KINDS, SceneConfig, render_scenes
from dlcv.study.widgets.task_ladder import (
    SIZE,
    TASKS,
    TaskLadder,
    describe,
    find_busy,
    see_again,
    shape,
)

QUESTIONS = {
    "class": "What is it?",
    "box": "And where is it?",
    "boxes": "What is where?",
    "semantic": "Which pixels are what?",
    "instances": "Which pixels are whose?",
    "same": "The same one again?",
    "joints": "How is it bent?",
    "caption": "Can you say it?",
}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def ladder():
    return TaskLadder(count=2)


def test_the_outline_of_a_small_mask_follows_the_edges_of_its_pixels():
    # Two pixels side by side: the outline runs from x = 1 to 3 and from y = 1 to 2, with its
    # corners cut, and covers about their two square pixels.
    mask = torch.zeros(3, 4, dtype=torch.bool)
    mask[1, 1:3] = True
    found = shape(mask)
    points = [
        tuple(map(float, pair.split(",")))
        for pair in re.findall(r"[\d.]+,[\d.]+", found["outline"])
    ]
    assert found["pixels"] == 2
    assert {min(x for x, _ in points), max(x for x, _ in points)} == {1.0, 3.0}
    assert {min(y for _, y in points), max(y for _, y in points)} == {1.0, 2.0}


def test_a_ring_has_two_outlines_and_nothing_has_none():
    ring = torch.ones(5, 5, dtype=torch.bool)
    ring[2, 2] = False
    assert shape(ring)["outline"].count("M") == 2
    assert shape(torch.zeros(3, 4, dtype=torch.bool)) == {"pixels": 0, "outline": ""}


def test_chosen_scenes_hold_touching_twins():
    for start in find_busy(5, seed=3):
        scene = render_scenes(1, 3, start)
        labels = scene.labels[0][scene.labels[0] >= 0].tolist()
        assert len(labels) >= 3
        assert len(set(labels)) < len(labels)
        assert {KINDS[label] for label in labels} & set(SKELETONS)


def test_the_description_holds_every_object_from_large_to_small():
    scene = render_scenes(1, 10, find_busy(1, 10)[0], SceneConfig(size=SIZE))
    told = describe(scene)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (one["box"] for one in told["objects"])]
    assert areas == sorted(areas, reverse=True)
    assert sum(one["pixels"] for one in told["objects"]) == int(scene.masks.sum())
    assert sum(one["pixels"] for one in told["regions"]) == int((scene.semantic > 0).sum())
    assert {one["kind"] for one in told["objects"]} <= set(KINDS)
    assert told["caption"] == scene.caption(0)


def test_the_description_holds_every_joint_of_the_kinds_that_have_some():
    scene = render_scenes(1, 10, find_busy(1, 10)[0], SceneConfig(size=SIZE))
    for one in describe(scene)["objects"]:
        assert len(one["joints"]) == (
            len(SKELETONS[one["kind"]].names) if one["kind"] in SKELETONS else 0
        )
        assert all(state in (1, 2) for _, _, state in one["joints"])


@pytest.mark.parametrize("seed", range(4))
def test_of_two_sightings_one_is_the_same_individual(seed, monkeypatch):
    """What is rendered: the kind twice; colour and pattern once as asked, once with one changed."""
    asked = []

    def watch(count, seed, start, config):
        asked.append((start, config.kinds, config.colours, config.patterns))
        return render_scenes(count, seed, start, config)

    scene = render_scenes(1, 10, find_busy(1, 10)[0])
    monkeypatch.setattr("dlcv.study.widgets.task_ladder.render_scenes", watch)
    seen = see_again(scene, seed)
    assert [one["same"] for one in seen] == [bool(seed % 2), not seed % 2]
    assert seen[0]["image"] != seen[1]["image"]
    (same, kind, colour, pattern), (other, other_kind, other_colour, other_pattern) = asked
    assert (same, other) == (1, 0)
    assert kind == other_kind
    assert (colour != other_colour) + (pattern != other_pattern) == 1
    label = describe(scene)["objects"][0]
    assert (KINDS[kind[0]], COLOURS[colour[0]]) == (label["kind"], label["colour"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "depth"}, "expected one of class, .* got 'depth'"),
        ({"index": 2}, "expected an index from 0 to 1, got 2"),
        ({"index": -1}, "expected an index from 0 to 1, got -1"),
    ],
)
def test_python_can_set_what_is_shown_within_limits(change, message):
    ladder = TaskLadder(count=2)
    ladder.task, ladder.index = "caption", 1
    assert (ladder.task, ladder.index) == ("caption", 1)
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=message):
        setattr(ladder, name, value)


@pytest.mark.parametrize("count", [0, 21])
def test_a_wrong_count_is_refused(count):
    with pytest.raises(ValueError, match=f"expected 1 to 20 scenes, got {count}"):
        TaskLadder(count=count)


def read(page) -> str:
    return page.locator(".ladder .answer").inner_text()


def expected(task: str, scene: dict) -> list[str]:
    """What must be written beside the picture."""
    largest, boxes = scene["objects"][0], [one["box"] for one in scene["objects"]]
    corners = [", ".join(f"{edge:.0f}".rjust(3) for edge in box) for box in boxes]
    return {
        "class": [largest["kind"], "1 name"],
        "box": [largest["kind"], corners[0], "1 name and 4 numbers"],
        "boxes": [*corners, f"{len(boxes)} names and {len(boxes)} × 4 numbers"],
        "semantic": [f"{r['kind']}: {r['pixels']:,} pixels" for r in scene["regions"]]
        + ["82,944 names"],
        "instances": [f": {one['pixels']:,} pixels" for one in scene["objects"]],
        "same": [f"the same {largest['kind']}", f"another {largest['kind']}", "each pair"],
        "joints": [
            " ".join(f"({int(x + 0.5)}, {int(y + 0.5)})" for x, y, _ in one["joints"])
            for one in scene["objects"]
        ],
        "caption": [scene["caption"], f"{len(scene['caption'].split())} words"],
    }[task]


@pytest.mark.parametrize("device", ["mouse", "touch"])
def test_every_question_gets_the_answer_that_python_knows(open_widget, ladder, device):
    page = open_widget(ladder, **(PHONE if device == "touch" else {}))
    for task in TASKS:
        rung = page.get_by_role("radio", name=QUESTIONS[task])
        rung.tap() if device == "touch" else rung.click()
        shown = read(page)
        for part in expected(task, ladder.scenes[0]):
            assert part in shown, f"{task}: {part!r} is missing in {shown!r}"


def test_the_picture_carries_one_drawing_for_each_thing_named(open_widget, ladder):
    page, scene = open_widget(ladder), ladder.scenes[0]
    counts = {"class": 0, "box": 1, "boxes": len(scene["objects"]), "caption": 0}
    for task, boxes in counts.items():
        page.get_by_role("radio", name=QUESTIONS[task]).check()
        assert page.locator(".ladder .edge").count() == boxes
    for task, many in (("semantic", "regions"), ("instances", "objects")):
        page.get_by_role("radio", name=QUESTIONS[task]).check()
        assert page.locator(".ladder .patch").count() == len(scene[many])
    page.get_by_role("radio", name=QUESTIONS["joints"]).check()
    joints = [joint for one in scene["objects"] for joint in one["joints"]]
    assert page.locator(".ladder .joint").count() == len(joints)
    open_circles = page.locator('.ladder .joint[fill="#22303c"]').count()
    assert open_circles == sum(state == 1 for _, _, state in joints)
    page.get_by_role("radio", name=QUESTIONS["same"]).check()
    shown = page.locator(".ladder svg image")
    assert [shown.nth(i).get_attribute("href") for i in range(shown.count())] == [
        one["image"] for one in scene["sightings"]
    ]


def test_a_keyboard_is_enough(open_widget, ladder):
    page = open_widget(ladder)
    page.keyboard.press("Tab")
    for task in TASKS[1:]:
        page.keyboard.press("ArrowDown")
        assert page.get_by_role("radio", name=QUESTIONS[task]).is_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert ladder.scenes[1]["caption"] in read(page)
    page.get_by_role("radio", name=QUESTIONS["boxes"]).check()
    row = page.locator(".ladder .rows li").first
    row.focus()
    assert page.locator(".ladder .mark.lit").count() == 1


def test_the_scenes_come_round_again(open_widget, ladder):
    page = open_widget(ladder)
    page.get_by_role("radio", name=QUESTIONS["caption"]).check()
    seen = []
    for _ in range(3):
        seen.append(read(page))
        page.get_by_role("button", name="Another scene").click()
    assert seen[0] == seen[2] != seen[1]


def test_screen_readers_hear_the_answer(open_widget, ladder):
    page = open_widget(ladder)
    page.get_by_role("radio", name=QUESTIONS["caption"]).check()
    assert f"captioning: “{ladder.scenes[0]['caption']}”" in page.get_by_role("status").inner_text()
    assert ladder.scenes[0]["caption"] in page.locator(".ladder img").get_attribute("alt")


@pytest.mark.parametrize("width", [320, 360, 760, 1100])
def test_it_fits(open_widget, ladder, width):
    page = open_widget(ladder, width=width)
    for task in TASKS:
        page.get_by_role("radio", name=QUESTIONS[task]).check()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
