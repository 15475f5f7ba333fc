"""Tiny sets of photographs in the layouts of VOC, COCO, LFW and Flickr8k, written by the tests."""

import io
import json
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlcv.data.fetching import RemoteFile, checksum_of
from dlcv.data.known_sets import SETS

# What `write_voc` and `write_coco` paint: (name, box as VOC counts it, difficult or crowd).
OBJECTS = {
    "a1": [("cat", (1, 1, 30, 20), 0), ("dog", (31, 11, 60, 40), 0)],
    "a2": [("dog", (11, 21, 40, 40), 1)],
    "a3": [],
    "a4": [("cat", (21, 5, 50, 24), 0)],
}
LISTS = {"train": ["a2", "a1", "a3"], "val": ["a4"], "trainval": ["a1", "a2", "a3", "a4"]}
W, H = 60, 40  # of every photograph, px
COLOURS = {"cat": (250, 20, 20), "dog": (20, 20, 250)}


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def photo(name: str) -> bytes:
    """A green photograph with a red square for each cat and a blue one for each dog."""
    pixels = np.full((H, W, 3), (20, 150, 20), np.uint8)
    for kind, (x1, y1, x2, y2), _ in OBJECTS[name]:
        pixels[y1 - 1 : y2, x1 - 1 : x2] = COLOURS[kind]
    return encoded(pixels)


def drawing(name: str, numbers: dict[str, int] | None = None) -> bytes:
    """Masks as VOC has them: a palette image of classes by their numbers, or else of objects.

    The first row is ignored.
    """
    pixels = np.zeros((H, W), np.uint8)
    for i, (kind, (x1, y1, x2, y2), _) in enumerate(OBJECTS[name]):
        pixels[y1 - 1 : y2, x1 - 1 : x2] = numbers[kind] if numbers else i + 1
    pixels[0] = 255
    image = Image.fromarray(pixels, "P")
    image.putpalette([i for colour in range(256) for i in (colour, 0, 255 - colour)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def annotation(name: str) -> bytes:
    """The XML file of a photograph."""
    objects = "".join(
        f"<object><name>{kind}</name><difficult>{flag}</difficult><part><name>head</name><bndbox>"
        f"<xmin>2</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part><bndbox>"
        f"<xmax>{x2}</xmax><xmin>{x1}</xmin><ymin>{y1}</ymin><ymax>{y2}</ymax></bndbox></object>"
        for kind, (x1, y1, x2, y2), flag in OBJECTS[name]
    )
    return f"<annotation><filename>{name}.jpg</filename>{objects}</annotation>".encode()


def voc_files(root: str = "") -> dict[str, bytes]:
    """All files of a set in VOC's layout, by name; below VOCdevkit with the official numbers."""
    numbers = {"cat": 8, "dog": 12} if root else {"cat": 1, "dog": 2}
    files = {}
    for name in OBJECTS:
        files[f"{root}JPEGImages/{name}.jpg"] = photo(name)
        files[f"{root}Annotations/{name}.xml"] = annotation(name)
        files[f"{root}SegmentationClass/{name}.png"] = drawing(name, numbers)
        files[f"{root}SegmentationObject/{name}.png"] = drawing(name)
    for part, names in LISTS.items():
        files[f"{root}ImageSets/Main/{part}.txt"] = "".join(f"{n}\n" for n in names).encode()
        files[f"{root}ImageSets/Main/cat_{part}.txt"] = b"a1  1\n"
        segmented = [n for n in names if OBJECTS[n]]
        files[f"{root}ImageSets/Segmentation/{part}.txt"] = "\n".join(segmented).encode()
    return files


def coco_labels(part: str, kind: str = "instances") -> dict:
    """The JSON content for a part; the second dog is a crowd, given by run lengths."""
    names = LISTS[part]
    images = [{"id": 7 + i, "file_name": f"{n}.jpg", "width": W, "height": H}
              for i, n in enumerate(names)]  # fmt: skip
    if kind == "captions":
        said = [{"image_id": i["id"], "caption": f" {k} in {i['file_name']} .\n"}
                for k in ("one", "two") for i in images]  # fmt: skip
        return {"images": images, "annotations": said}
    entries = []
    for image, name in zip(images, names, strict=True):
        for label, (x1, y1, x2, y2), flag in OBJECTS[name]:
            left, top, width, height = x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1
            corners = [left, top, left + width, top, left + width, top + height, left, top + height]
            outline = run_lengths_of(left, top, width, height) if flag else [corners]
            entries.append({"image_id": image["id"], "category_id": {"cat": 17, "dog": 18}[label],
                            "bbox": [left, top, width, height], "iscrowd": flag,
                            "segmentation": outline})  # fmt: skip
    categories = [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}]
    return {"images": images, "annotations": entries, "categories": categories}


def run_lengths_of(left: int, top: int, width: int, height: int) -> dict:
    """A rectangle as COCO's run lengths, column after column."""
    counts = [left * H + top]
    for _ in range(width - 1):
        counts += [height, H - height]
    counts += [height, H * W - sum(counts) - height]
    return {"size": [H, W], "counts": counts}


def coco_files(root: str = "", folder: str = "{part}2017/") -> dict[str, bytes]:
    """All files of a set in COCO's layout, by name."""
    files = {}
    for part in ("train", "val"):
        for kind in ("instances", "captions"):
            content = json.dumps(coco_labels(part, kind)).encode()
            files[f"{root}annotations/{kind}_{part}2017.json"] = content
        for name in LISTS[part]:
            files[f"{root}{folder.format(part=part)}{name}.jpg"] = photo(name)
    return files


def lfw_files() -> dict[str, bytes]:
    """Four people with two faces each, brightness 10, 20, …; 2 folds of 1 + 1 pairs."""
    people = ("Ann_A", "Bob_B", "Cy_C", "Di_D")
    faces = {
        f"lfw_funneled/{person}/{person}_{n:04d}.jpg": encoded(
            np.full((50, 50, 3), 20 * p + 10 * n, np.uint8)
        )
        for p, person in enumerate(people)
        for n in (1, 2)
    }
    pairs = "2\t1\nBob_B\t1\t2\nBob_B\t1\tAnn_A\t2\nCy_C\t2\t1\nCy_C\t2\tDi_D\t1\n"
    return {**faces, "pairs.txt": pairs.encode()}


def flickr_files(folder: str = "Flicker8k_Dataset") -> dict[str, bytes]:
    """Three photographs with two sentences each."""
    files = {f"{folder}/{name}.jpg": photo(name) for name in ("a1", "a2", "a4")}
    said = [
        f"{name}.jpg#{k}\tSentence {k} of {name} .\n" for name in ("a1", "a2", "a4") for k in (0, 1)
    ]
    files["Flickr8k.token.txt"] = "".join([*said, "odd.jpg.1#0\tNo photograph .\n"]).encode()
    files["Flickr_8k.trainImages.txt"] = b"a4.jpg\na1.jpg\n"
    files["Flickr_8k.devImages.txt"] = files["Flickr_8k.testImages.txt"] = b"a2.jpg\n"
    return files


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    """Write files into a zip, tar or packed tar file, by the ending of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz" if path.suffix in (".tgz", ".gz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_set(root: Path, name: str) -> None:
    """Write the archives of a known set below the folder of all data sets."""
    if name.startswith("voc"):
        for file in {f for files in SETS[name].archives.values() for f in files}:
            contents = voc_files(f"VOCdevkit/VOC{name[3:]}/")
            for key in [key for key in contents if "test" in file.path and "trainval" in key]:
                contents[key.replace("trainval", "test")] = contents[key]
            write_archive(root / file.path, contents)
    elif name == "coco":
        contents = coco_files()
        labels = {key: value for key, value in contents.items() if key.startswith("annotations")}
        write_archive(root / "coco/annotations_trainval2017.zip", labels)
        for part in ("train", "val"):
            photos = {key: value for key, value in contents.items() if key.startswith(part)}
            write_archive(root / f"coco/{part}2017.zip", photos)
    elif name == "lfw":
        contents = lfw_files()
        pairs = contents.pop("pairs.txt")
        write_archive(root / "lfw-py/lfw-funneled.tgz", contents)
        (root / "lfw-py/pairs.txt").write_bytes(pairs)
    else:
        contents = flickr_files()
        photos = {key: contents.pop(key) for key in list(contents) if key.endswith(".jpg")}
        write_archive(root / "flickr8k/Flickr8k_Dataset.zip", photos)
        write_archive(root / "flickr8k/Flickr8k_text.zip", contents)


def accept(
    monkeypatch: pytest.MonkeyPatch, name: str, root: Path, urls: Sequence[str] = ()
) -> None:
    """Let the files that lie below `root` now be the official ones of a set.

    If there are `urls`, the files are to be had below each of them, and nowhere else.
    """
    known = SETS[name]

    def official(file: RemoteFile) -> RemoteFile:
        file = replace(file, checksum=checksum_now(root / file.path, file.checksum))
        places = tuple(f"{url}/{file.path}" for url in urls)
        return replace(file, urls=places, megabytes=1) if places else file

    archives = {part: tuple(map(official, files)) for part, files in known.archives.items()}
    unpacked = {
        part: {file: md5 and checksum_now(root / known.folder / file, md5) for file, md5 in files}
        for part, files in ((part, listed.items()) for part, listed in known.unpacked.items())
    }
    monkeypatch.setitem(SETS, name, replace(known, archives=archives, unpacked=unpacked))


def checksum_now(path: Path, otherwise: str) -> str:
    """The checksum of a file, or else another one of the same kind if there is no such file."""
    return checksum_of(path, otherwise) if path.is_file() else otherwise
