"""Paint objects: from signed distances to coverage and colour, and onto a canvas."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlcv.data.layout import Layout
from dlcv.data.palette import ACCENT_RGB, RGB
from dlcv.data.sdf import wave
from dlcv.data.shapes import SHAPES, Drawing

_DARK_BAND = 0.62  # brightness of a stripe or dot, as a share of the object's colour
_RIM_SHADE, _RIM_WIDTH = 0.50, 0.055  # the outline: brightness, and width in object radii
_SHADOW, _SHADOW_SHIFT = 0.30, 0.025  # darkness; shift to the right and down, share of the size


def coverage(distance: Tensor, pixels: Tensor | float) -> Tensor:
    """Share of a pixel that a figure covers: a ramp one pixel wide around the edge.

    Args:
        distance: signed distance at the pixel centres, in any unit.
        pixels: pixels per unit of distance.

    Returns:
        Values in [0, 1], above 0.5 exactly where the distance is negative.
    """
    return (distance * pixels * -1.0 + 0.5).clamp(0.0, 1.0)


def mix(a: Tensor, b: Tensor | float, share: Tensor | float) -> Tensor:
    """a where share is 0, b where share is 1, in separately rounded steps."""
    return a + (b - a) * share


@dataclass(frozen=True)
class Patches:
    """Pictures of M objects, each in its own window of P × P pixels.

    scene, slot: int64 [M]. rows, columns: int64 [M, P], where the window lies in the image.
    inside: bool [M, P, P]. cover, shadow: float [M, P, P]. colour: float [3, M, P, P].
    """

    scene: Tensor
    slot: Tensor
    rows: Tensor
    columns: Tensor
    inside: Tensor
    cover: Tensor
    shadow: Tensor
    colour: Tensor

    def index(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Index a canvas [..., N, S, S] at the windows of the chosen objects."""
        scene = self.scene[chosen][:, None, None]
        return scene, self.rows[chosen][:, :, None], self.columns[chosen][:, None, :]


def paint_objects(layout: Layout, size: int, largest: float) -> Patches:
    """Draw every present object of a layout in a window of its own.

    Args:
        layout: N scenes of K slots.
        size: side of the image, px.
        largest: largest radius that occurs, as a share of the size; it sets the window.
    """
    scene, slot = layout.present.nonzero(as_tuple=True)
    shift = max(1, round(_SHADOW_SHIFT * size))
    side = min(size, 2 * int(largest * size + shift) + 4)
    pixels = layout.radius[scene, slot][:, None, None] * float(size)
    columns, x = window(layout.x[scene, slot], size, side)
    rows, y = window(layout.y[scene, slot], size, side)
    x, y = x[:, None, :] / pixels, y[:, :, None] / pixels
    distance, colour = _paint(layout, scene, slot, x, y, pixels)
    shifted = (torch.arange(side, device=x.device) - shift).clamp(min=0)
    shadow = coverage(distance[:, shifted][..., shifted], pixels * 0.5) * _SHADOW
    cover = coverage(distance, pixels)
    return Patches(scene, slot, rows, columns, distance < 0, cover, shadow, colour)


def window(centre: Tensor, size: int, side: int) -> tuple[Tensor, Tensor]:
    """Pixels [M, P] of each window, and the way from the centre to their centres, in px."""
    centre = centre * float(size)
    first = (centre - 0.5 * side + 0.5).floor().clamp(0, size - side)
    pixels = first[:, None] + torch.arange(side, device=centre.device)
    return pixels.long(), pixels + 0.5 - centre[:, None]


def _paint(
    layout: Layout, scene: Tensor, slot: Tensor, x: Tensor, y: Tensor, pixels: Tensor
) -> tuple[Tensor, Tensor]:
    """Signed distance [M, P, P] and colour [3, M, P, P] of the objects."""

    def of(values: Tensor) -> Tensor:
        return values[scene, slot][:, None, None]

    cos, sin = of(layout.cos), of(layout.sin)
    u, v = (x * cos + y * sin) * of(layout.mirror), y * cos - x * sin
    distance, shade, accent = draw(layout.kinds[scene, slot], u, v, pixels)
    pattern = pattern_shade(of(layout.patterns), u, v, of(layout.phase), pixels)
    light = (x * 0.4 + y * 0.9) * -0.16 + 1.07  # from above, a little from the left
    shade = shade * rim_shade(distance, pixels) * light
    colours = layout.colours[scene, slot]
    own = RGB.to(x.device)[colours] + layout.tint[scene, slot]
    other = ACCENT_RGB.to(x.device)[colours]
    channels = [
        mix(own[:, c, None, None] * pattern, other[:, c, None, None], accent) * shade
        for c in range(3)
    ]
    return distance, torch.stack(channels).clamp(0.0, 1.0)


def draw(kinds: Tensor, x: Tensor, y: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Draw M objects, each kind once for all its objects.

    Args:
        kinds: int64 [M], an index into SHAPES for each object.
        x, y: local coordinates [M, P, P].
        pixels: radii in pixels [M, 1, 1].

    Returns:
        Signed distance to the silhouette, brightness of the marks, share of the accent colour:
        each [M, P, P].
    """
    planes = torch.empty(3, *x.shape, device=x.device)
    for kind, (figure, _) in enumerate(SHAPES):
        chosen = (kinds == kind).nonzero()[:, 0]
        if len(chosen):
            drawing = figure(x[chosen], y[chosen])
            planes[:, chosen] = torch.stack(_paint_marks(drawing, pixels[chosen]))
    return planes[0], planes[1], planes[2]


def _paint_marks(drawing: Drawing, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    shade = torch.ones_like(drawing.silhouette)
    accent = torch.zeros_like(drawing.silhouette)
    for distance, paint in drawing.marks:
        share = coverage(distance, pixels) * paint.strength
        shade, accent = mix(shade, paint.shade, share), mix(accent, paint.accent, share)
    return drawing.silhouette, shade, accent


def pattern_shade(patterns: Tensor, x: Tensor, y: Tensor, phase: Tensor, pixels: Tensor) -> Tensor:
    """Brightness of stripes and dots in local coordinates [M, P, P]; plain objects get 1."""
    across, along = x * 0.8 + y * 0.6, y * 0.8 - x * 0.6
    stripes = (wave(across * 1.15 + phase).abs() - 0.66) * 0.22
    dots = (0.58 - (wave(across + phase) * wave(along + phase)).abs()) * 0.30
    distance = torch.where(patterns == 1, stripes, torch.where(patterns == 2, dots, 1.0))
    return 1.0 - coverage(distance, pixels) * _when_large(pixels) * (1.0 - _DARK_BAND)


def rim_shade(distance: Tensor, pixels: Tensor) -> Tensor:
    """Brightness of a dark outline along the inner side of the silhouette."""
    width = (pixels * _RIM_WIDTH).clamp(min=0.7)
    inner = (distance * pixels + width + 0.5).clamp(0.0, 1.0)
    return 1.0 - inner * _when_large(pixels) * (1.0 - _RIM_SHADE)


def _when_large(pixels: Tensor) -> Tensor:
    """Strength of fine detail, which would swallow the colour of a small object."""
    return (pixels * (1.0 / 12.0)).clamp(max=1.0)


def stamp(canvas: Tensor, patches: Patches, kept: Tensor) -> None:
    """Put the kept objects onto a canvas [3, N, S, S], in place, back slots first.

    Args:
        canvas: RGB in [0, 1].
        patches: M objects.
        kept: bool [N, K], the objects that stay in their scenes.
    """
    stays = kept[patches.scene, patches.slot]
    for slot in range(kept.shape[1]):
        chosen = (stays & (patches.slot == slot)).nonzero()[:, 0]
        at = (slice(None), *patches.index(chosen))
        below = canvas[at] * (1.0 - patches.shadow[chosen])
        canvas[at] = mix(below, patches.colour[:, chosen], patches.cover[chosen])
