"""Draw people under given conditions, part by part from back to front."""

import torch
from torch import Tensor

from dlcv.data.face_conditions import Conditions
from dlcv.data.face_traits import People
from dlcv.data.painting import coverage, mix
from dlcv.data.sdf import circle, ellipse

_ZOOM = 1.25  # half an image, in the units of a face
_SIDES = (-1, 1)  # left and right in the image


class Canvas:
    """N pictures in the making, and the coordinates of their pixels as the heads see them.

    image: RGB [3, N, S, S]. x, y: [N, S, S], in the units of a face, upright. across, down: pixel
    centres in [-1, 1], as the camera sees them. pixels: pixels per unit, [N, 1, 1].
    """

    def __init__(self, size: int, seen: Conditions) -> None:
        centres = (torch.arange(size, device=seen.scale.device) + 0.5) * (2.0 / size) - 1.0
        self.across, self.down = centres[None, None, :], centres[None, :, None]
        x, y = self.across - seen.shift_x, self.down - seen.shift_y
        unit = seen.scale * (1.0 / _ZOOM)
        self.x = (x * seen.cos + y * seen.sin) / unit
        self.y = (y * seen.cos - x * seen.sin) / unit - 0.02
        self.pixels = unit * (size * 0.5)
        left, right = (colour.T[..., None, None] for colour in seen.backdrop)
        self.image = mix(left, right, ((self.x + self.y) * (1.0 / 3.0) + 0.5).clamp(0.0, 1.0))

    def put(self, colour: Tensor | float, distance: Tensor, strength: Tensor | float = 1.0) -> None:
        """Paint a figure, given its signed distance [N, S, S], in a grey or in RGB [N, 3]."""
        paint = colour.T[..., None, None] if isinstance(colour, Tensor) else colour
        share = coverage(distance, self.pixels) * strength
        self.image += (paint - self.image).mul_(share)  # as `mix`, with less memory


def draw_faces(people: People, seen: Conditions, size: int) -> Tensor:
    """Draw N people, one picture each.

    Args:
        people: N people.
        seen: N conditions.
        size: side of the images, px.

    Returns:
        RGB of about [0, 1], [3, N, S, S].
    """
    canvas = Canvas(size, seen)
    _behind(canvas, people, seen)
    head = _head(canvas, people, seen)
    _hair_and_beard(canvas, people, head)
    turned = canvas.x - seen.yaw * (1.0 - canvas.y * canvas.y * 0.45) * 0.13  # slides with the head
    for side in _SIDES:
        _eye(canvas, people, seen, turned, side)
    _nose(canvas, people, seen, turned)
    _mouth(canvas, people, seen, turned)
    _glasses(canvas, people, seen, turned)
    _hat(canvas, people, seen)
    light = canvas.across * seen.light_x + canvas.down * seen.light_y + 1.0
    return canvas.image * light * seen.brightness.transpose(0, 1)


def _behind(canvas: Canvas, people: People, seen: Conditions) -> None:
    """Hair behind the head, long hair, clothes, neck, ears."""
    x, y, width = canvas.x, canvas.y, people["face_width"]
    canvas.put(people.hair, ellipse(x, y, 0.0, -0.1, width + 0.10, people["face_height"] + 0.06))
    falling = torch.maximum(ellipse(x, y, 0.0, 0.3, width + 0.12, 0.9), -0.3 - y)
    canvas.put(people.hair, falling, people["hair_length"] > 0.55)
    canvas.put(seen.clothes, ellipse(x, y, 0.0, 1.6, 0.95, 0.62))
    canvas.put(people.skin * 0.86, torch.maximum(x.abs() - 0.26, (y - 0.95).abs() - 0.25))
    for side in _SIDES:
        ear = ellipse(x, y, (width - 0.01) * side, 0.02, people["ear"] + 0.04, people["ear"] + 0.10)
        canvas.put(people.skin * 0.9, ear, people["hair_length"] <= 0.8)


def _head(canvas: Canvas, people: People, seen: Conditions) -> Tensor:
    """The head, narrower towards the jaw and shaded to one side; returns its distance."""
    below = canvas.y.clamp(min=0.0)
    narrow = 1.0 - people["jaw"] * (below * below).clamp(max=1.2) * 0.6
    head = ellipse(
        canvas.x / narrow, canvas.y, 0.0, 0.0, people["face_width"], people["face_height"]
    )
    canvas.put(people.skin, head)
    shade = canvas.x * seen.yaw * 0.16 + 1.0
    canvas.image = canvas.image * torch.where(head < 0, shade, 1.0)
    return head


def _hair_and_beard(canvas: Canvas, people: People, head: Tensor) -> None:
    """The hairline, and for some a beard, both within the head."""
    x, y = canvas.x, canvas.y
    fringe = (1.0 - x * x * 3.2) * (people["hair_length"] - 0.4) * 0.10
    scalp = head - 0.04  # over the edge, so that no skin shines through
    canvas.put(people.hair, torch.maximum(scalp, y - people["hairline"] - fringe))
    chin = people["mouth_y"] - 0.13 - x * x * 1.1 - y  # a beard ends higher at the cheeks
    strength = (people["beard"] - 0.6).clamp(min=0.0) * 2.0
    canvas.put(people.hair * 0.9, torch.maximum(head, chin), strength)


def _eye(canvas: Canvas, people: People, seen: Conditions, turned: Tensor, side: int) -> None:
    """One eye with its brow; the one that the head turns away comes nearer to the middle."""
    x = turned - people["eye_gap"] * (1.0 - seen.yaw * side * 0.12) * side
    tilted = canvas.y - people["eye_y"] + x * people["eye_tilt"] * side
    width = people["eye_width"]
    white = ellipse(x, tilted, 0.0, 0.0, width, width * people["eye_open"] * seen.lids)
    canvas.put(0.95, white)
    pupil_x = seen.yaw * 0.03
    iris = circle(x, tilted, pupil_x, 0.0, width * 0.48)
    canvas.put(people.iris, torch.maximum(white, iris))
    pupil = circle(x, tilted, pupil_x, 0.0, width * 0.22)
    canvas.put(0.05, torch.maximum(white, pupil))
    arch = x * people["brow_tilt"] * side + x * x * 1.2
    brow_y = canvas.y - people["eye_y"] + people["brow_gap"] + seen.brows + arch
    brow = torch.maximum(x.abs() - people["brow_length"], brow_y.abs() - people["brow_thickness"])
    canvas.put(people.hair * 0.75, brow)


def _nose(canvas: Canvas, people: People, seen: Conditions, turned: Tensor) -> None:
    """Two flanks that part downwards, and the shadow below."""
    length, width = people["nose_length"], people["nose_width"]
    y = canvas.y - people["eye_y"] - 0.04
    along = (y / length).clamp(0.0, 1.0)
    x = turned - seen.yaw * along * 0.05
    flank = (x.abs() - width * (along * 0.65 + 0.35)).abs() - 0.014
    canvas.put(
        people.skin * 0.80, torch.maximum(flank, (y - length * 0.5).abs() - length * 0.5), 0.8
    )
    canvas.put(people.skin * 0.62, ellipse(x, y, 0.0, length, width * 1.1, 0.028))


def _mouth(canvas: Canvas, people: People, seen: Conditions, turned: Tensor) -> None:
    """Lips that a smile bends, more or less open."""
    x = turned - seen.yaw * 0.02
    y = canvas.y - people["mouth_y"] + seen.smile * (x * x * 6.0 - 0.1)
    gap = seen.mouth_open
    canvas.put(people.lips, ellipse(x, y, 0.0, 0.0, people["mouth_width"], people["lip"] + gap))
    dark = torch.tensor([[0.25, 0.06, 0.06]], device=x.device)
    canvas.put(dark, ellipse(x, y, 0.0, 0.0, people["mouth_width"] * 0.8, gap + 0.008))


def _glasses(canvas: Canvas, people: People, seen: Conditions, turned: Tensor) -> None:
    """Rims, dimmed glass, and the bridge between."""
    y, radius, gap = canvas.y - people["eye_y"], seen.glasses_radius, people["eye_gap"]
    for side in _SIDES:
        lens = ellipse(turned, y, gap * side, 0.0, radius, radius * 0.8)
        canvas.put(seen.frame, lens.abs() - 0.025, seen.glasses)
        canvas.put(0.1, lens, seen.glasses * 0.25)
    bridge = torch.maximum(turned.abs() - gap + radius * 0.9, y.abs() - 0.02)
    canvas.put(seen.frame, bridge, seen.glasses)


def _hat(canvas: Canvas, people: People, seen: Conditions) -> None:
    """A cap down to somewhere on the forehead."""
    crown = ellipse(canvas.x, canvas.y, 0.0, -0.45, people["face_width"] + 0.16, 0.62)
    canvas.put(seen.hat_colour, torch.maximum(crown, canvas.y + seen.hat_brim), seen.hat)
