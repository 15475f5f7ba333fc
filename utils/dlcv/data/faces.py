"""Faces of people who do not exist: any number of them, in any number of pictures each.

A person is 26 numbers (`face_traits.TRAITS`). A picture adds circumstances: pose, light,
expression, a hat or glasses, noise. Who it is shows in the traits alone, as in a real photograph.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.data.bundled import LabelledImages
from dlcv.data.counter_random import CounterRandom
from dlcv.data.face_conditions import draw_conditions
from dlcv.data.face_drawing import draw_faces
from dlcv.data.face_traits import TRAITS, people_of

__all__ = ["TRAITS", "FaceConfig", "draw_traits", "face_images", "render_faces"]

_CHUNK_PIXELS = {"cpu": 2**16, "cuda": 2**22}  # pixels of a face times faces rendered at once
_PICTURES = 2**24  # so many pictures of a person have numbers of their own
_TRAITS, _CONDITIONS, _GRAIN = 2, 3, 4  # what the randomness of a seed is for
_NOISE = 0.06  # largest standard deviation of the pixel noise, at strength 1


@dataclass(frozen=True)
class FaceConfig:
    """The knobs of the faces.

    Defaults are teaching values: people can be told apart by eye, and not by comparing pixels.

    Args:
        size: height and width of the square images, px, 16 to 512.
        strength: of everything that is not the person (pose, light, expression, backdrop, glasses,
            hats, noise), in [0, 1]. At 0 all pictures of a person are the same.

    Raises:
        ValueError: if a value is out of its range.
    """

    size: int = 48
    strength: float = 0.8

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or not 16 <= self.size <= 512:
            raise ValueError(f"expected an integer size of 16 to 512 px, got {self.size}")
        if not 0.0 <= self.strength <= 1.0:
            raise ValueError(f"expected a strength in [0, 1], got {self.strength}")


def render_faces(
    people: int,
    pictures: int,
    seed: int = 0,
    start: int = 0,
    first_picture: int = 0,
    config: FaceConfig | None = None,
    device: torch.device | str = "cpu",
) -> LabelledImages:
    """Render pictures of the people start … start + people - 1 of a seed.

    Picture j of person i of a seed and a config is the same, to the bit, whatever else is rendered:
    its random numbers are hashed from (seed, i, j), and rendering uses only integer arithmetic and
    float operations whose last bit IEEE 754 prescribes (see `render_scenes`).

    Args:
        people: number of people P, >= 0.
        pictures: number of pictures of each M, >= 0.
        seed: an integer in [0, 2^63). Other people come with another seed or another start.
        start: number of the first person, >= 0.
        first_picture: number of the first picture of each, >= 0.
        config: the knobs; None for the defaults of `FaceConfig`.
        device: where the faces are rendered and stay.

    Returns:
        Images uint8 [P M, 3, S, S], RGB, person after person; labels int64 [P M], the person's
        number.

    Raises:
        ValueError: if a number is negative or too large.

    Taught in: lectures/09_verification
    """
    _check_counts(people, pictures, start, first_picture)
    config, device = config or FaceConfig(), torch.device(device)
    person = torch.arange(start, start + people, device=device).repeat_interleave(pictures)
    picture = torch.arange(first_picture, first_picture + pictures, device=device).repeat(people)
    traits = draw_traits(people, seed, start, device).repeat_interleave(pictures, 0)
    images = face_images(traits, person * _PICTURES + picture, seed, config)
    return LabelledImages(images, person)


def draw_traits(
    people: int, seed: int = 0, start: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """The traits of the people start … start + people - 1: float32 [people, 26] in [0, 1).

    The columns are in the order of TRAITS; 0 stands for the lower end of a range, 1 for the upper.

    Raises:
        ValueError: if a number is negative or too large.
    """
    draws = CounterRandom(seed, start, people, device, purpose=_TRAITS)
    return draws.uniform(len(TRAITS))


def face_images(
    traits: Tensor, conditions: Tensor, seed: int = 0, config: FaceConfig | None = None
) -> Tensor:
    """Render any people in any circumstances, also people in between two others.

    Args:
        traits: [N, 26] in [0, 1], in the order of TRAITS.
        conditions: int64 [N], at least 0; equal numbers give equal circumstances.
        seed: an integer in [0, 2^63).
        config: the knobs; None for the defaults of `FaceConfig`.

    Returns:
        uint8 [N, 3, S, S], RGB.

    Raises:
        ValueError: if the shapes do not fit or values are out of range.
    """
    if conditions.shape != traits.shape[:1]:
        got = f"{list(traits.shape)} and {list(conditions.shape)}"
        raise ValueError(f"expected traits [N, {len(TRAITS)}] and conditions [N], got {got}")
    config = config or FaceConfig()
    chunk = max(1, _CHUNK_PIXELS.get(traits.device.type, 2**16) // config.size**2)
    parts = zip(traits.split(chunk), conditions.split(chunk), strict=True)
    return torch.cat([_render_chunk(*part, seed, config) for part in parts])


def _render_chunk(traits: Tensor, conditions: Tensor, seed: int, config: FaceConfig) -> Tensor:
    seen = draw_conditions(
        CounterRandom.of_items(seed, conditions, purpose=_CONDITIONS), config.strength
    )
    images = draw_faces(people_of(traits), seen, config.size).transpose(0, 1)
    grain = CounterRandom.of_items(seed, conditions, purpose=_GRAIN)
    level = grain.uniform(1, 1, 1, high=_NOISE * config.strength)
    images = images + grain.noise(*images.shape[1:]) * level
    return (images.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)


def _check_counts(people: int, pictures: int, start: int, first_picture: int) -> None:
    numbers = (people, pictures, start, first_picture)
    if min(numbers) < 0:
        raise ValueError(f"expected numbers of at least 0, got {numbers}")
    if start + people > 2**39 or first_picture + pictures > _PICTURES:
        raise ValueError(f"expected people below 2^39 and pictures below 2^24, got {numbers}")
