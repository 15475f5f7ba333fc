"""What differs between two pictures of one person: pose, light, expression, and what is worn."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.data.counter_random import CounterRandom
from dlcv.data.painting import mix
from dlcv.data.sdf import rotation

_GREY = 0.5  # of the backdrop and the clothes at strength 0
_GLASSES, _HAT = 0.25, 0.20  # how often, at strength 1


@dataclass(frozen=True)
class Conditions:
    """The circumstances of N pictures: [N, 1, 1] where nothing else is said."""

    cos: Tensor  # the head leans to one side
    sin: Tensor
    scale: Tensor
    shift_x: Tensor  # in half images
    shift_y: Tensor
    yaw: Tensor  # the head turns: -1 to 1, at strength 1
    smile: Tensor
    mouth_open: Tensor
    lids: Tensor  # how far the eyes are open, up to 1
    brows: Tensor  # how far the brows are raised
    glasses: Tensor  # 0 or 1
    glasses_radius: Tensor
    hat: Tensor  # 0 or 1
    hat_brim: Tensor  # how far above the middle of the face
    frame: Tensor  # colours: RGB [N, 3]
    hat_colour: Tensor
    clothes: Tensor
    backdrop: tuple[Tensor, Tensor]  # left and right
    light_x: Tensor  # the picture is brighter in this direction
    light_y: Tensor
    brightness: Tensor  # [N, 3, 1, 1]: of each colour, about 1


def draw_conditions(draws: CounterRandom, strength: float) -> Conditions:
    """Draw the circumstances of the pictures of `draws`; at strength 0 they are all the same."""

    def within(limit: float) -> Tensor:
        return (draws.uniform(1, 1) * 2.0 - 1.0) * (limit * strength)

    def up_to(limit: float) -> Tensor:
        return draws.uniform(1, 1) * (limit * strength)

    def happens(share: float) -> Tensor:
        return (draws.uniform(1, 1) < share * strength).float()

    cos, sin = rotation(within(0.048))  # in turns: 17 degrees
    light_cos, light_sin = rotation(draws.uniform(1, 1))
    light, brightness = up_to(0.5), within(0.35) + 1.0
    tint = (draws.uniform(3, 1, 1) - 0.5) * (0.4 * strength) + 1.0
    muted = [mix(torch.full_like(c, _GREY), c, strength) for c in draws.uniform(3, 3).unbind(1)]
    return Conditions(
        cos=cos,
        sin=sin,
        scale=within(0.14) + 1.0,
        shift_x=within(0.16),
        shift_y=within(0.14),
        yaw=within(1.0),
        smile=within(0.35),
        mouth_open=up_to(0.05),
        lids=1.0 - up_to(0.65),
        brows=within(0.05),
        glasses=happens(_GLASSES),
        glasses_radius=draws.uniform(1, 1, low=0.16, high=0.24),
        hat=happens(_HAT),
        hat_brim=draws.uniform(1, 1, low=0.34, high=0.62),
        frame=draws.uniform(3, high=0.5),
        hat_colour=draws.uniform(3),
        clothes=muted[0] * 0.8 + 0.1,
        backdrop=(muted[1], muted[2]),
        light_x=light_cos * light,
        light_y=light_sin * light,
        brightness=brightness[:, None] * tint,
    )
