"""The cells of lecture 9 that learn from LFW itself, at full scale, on a tiny set laid out like it.

Data, network and cells are those of the full scale; passes and people in a batch are cut.
"""

import numpy as np
import pytest
import torch
from lecture_cells import sources
from photo_files import encoded, write_folder
from pretended_gpu import GPU

CELLS = (
    "imports",
    "published-data",
    "published-network-code",
    "published-learn",
    "published-run",
    "published-table",
)
FOLDS, PICTURES = 3, 3  # pictures of each person but the last of a fold, who has one


def lfw_layout():
    """Three folds of three people, two with three pictures and one with a single one."""
    files, rows = {}, [f"{FOLDS}\t2"]
    for fold in range(FOLDS):
        a, b, alone = [f"Fold{fold}_{name}" for name in "ABC"]
        for person, name in enumerate((a, b, alone)):
            for n in range(1, 2 if name == alone else PICTURES + 1):
                shade = np.full((50, 50, 3), 60 * fold + 20 * person + 5 * n, np.uint8)
                files[f"lfw_funneled/{name}/{name}_{n:04d}.jpg"] = encoded(shade)
        rows += [f"{a}\t1\t2", f"{b}\t1\t3", f"{a}\t1\t{b}\t2", f"{b}\t1\t{alone}\t1"]
    return files | {"pairs.txt": "\n".join(rows).encode()}


def briefly(*, quick, full):
    """Stand in for `at_scale`: the full scale, one pass over batches of two people."""
    return full | {"epochs": 1, "classes": 2} if isinstance(full, dict) else full


@pytest.fixture
def cells(tmp_path, monkeypatch, untrained, on_pretended_gpu):
    """The names that the cells define, and which networks they asked for."""
    monkeypatch.setenv("DLCV_DATA", str(tmp_path))
    write_folder(tmp_path / "lfw-py", lfw_layout())
    written = sources("09_verification")
    names = {"at_scale": briefly, "device": GPU, "asked": untrained}
    learnt_from = names["learnt_from"] = []
    for cell in CELLS:
        exec(compile(written[cell], cell, "exec"), names)
        if cell == "imports":
            balanced = names["BalancedBatches"]

            def noted(images, *rest, balanced=balanced, **options):
                learnt_from.append(images)
                return balanced(images, *rest, **options)

            names["BalancedBatches"] = noted
    return names


def test_lecture_9_judges_every_fold_of_lfw_by_a_network_that_has_not_seen_it(cells):
    """Each network learns from the two people of the one fold that is left, three pictures each."""
    album = cells["album"]
    assert album.images.shape == (FOLDS * (2 * PICTURES + 1), 3, 112, 112)
    assert cells["alone"] == FOLDS
    assert cells["asked"] == FOLDS * [("resnet18", True)]
    labels, pictures = album.labels.cpu(), album.images.cpu()
    fold_of = torch.tensor([int(name[4]) for name in album.people])[labels]
    for fold, images in enumerate(cells["learnt_from"]):
        remaining = (fold + 2) % FOLDS  # neither judged nor used for the threshold
        several = cells["pictures_of"].cpu()[labels] > 1
        assert torch.equal(images.cpu(), pictures[(fold_of == remaining) & several])
    assert len(cells["learnt_from"]) == FOLDS


def test_lecture_9_prints_a_line_for_each_fold_of_lfw_and_the_error(cells):
    """The mean is that of the folds, and its error their deviation over the root of three."""
    for column, values in enumerate(cells["shares"].values()):
        assert len(values) == FOLDS
        assert set(values) <= {0.0, 25.0, 50.0, 75.0, 100.0}  # of four pairs
        error = np.std(values, ddof=1) / np.sqrt(FOLDS)
        assert cells["errors"][column].item() == pytest.approx(error, abs=1e-4)
