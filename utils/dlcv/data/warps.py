"""Augmentations that move the pixels of a batch: each image by a draw of its own.

All have the form (images, generator, settings) -> images, so that they fit `Batches(augment=...)`;
settings are given by `functools.partial`. Coordinates run from −1 to 1 over the image, the centres
of pixels lie at (2i + 1) / W − 1, values between pixels are bilinear, and outside is 0.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcv.data.augment_draws import check_images, draw_chance, draw_integers, draw_uniform


def flip_horizontal(images: Tensor, generator: torch.Generator, probability: float = 0.5) -> Tensor:
    """Mirror left and right, each image with a probability.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        probability: In [0, 1].

    Raises:
        ValueError: If the shape or the probability is off.

    Taught in: lectures/03_training
    """
    chosen = draw_chance(images, generator, probability)
    return torch.where(chosen, images.flip(3), images)


def flip_vertical(images: Tensor, generator: torch.Generator, probability: float = 0.5) -> Tensor:
    """Mirror top and bottom; as :func:`flip_horizontal`."""
    chosen = draw_chance(images, generator, probability)
    return torch.where(chosen, images.flip(2), images)


def crop(
    images: Tensor, generator: torch.Generator, padding: int = 4, frame: str = "constant"
) -> Tensor:
    """Frame each image and cut a window of the old size out, at a random place.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        padding: Width of the frame in pixels, at least 0: the largest shift.
        frame: What it is made of: "constant", zeros, or "reflect", the image mirrored; a mirror
            is less wide than the image.

    Raises:
        ValueError: If the shape or the frame is off, or the padding negative.

    Taught in: lectures/03_training
    """
    check_images(images)
    if padding < 0:
        raise ValueError(f"expected padding >= 0, got {padding}")
    if frame not in ("constant", "reflect"):
        raise ValueError(f"expected a frame 'constant' or 'reflect', got {frame!r}")
    B, C, H, W = images.shape
    if frame == "reflect" and padding >= min(H, W):
        raise ValueError(f"expected a mirror of less than {min(H, W)} pixels, got {padding}")
    down, across = (draw_integers(images, generator, 2 * padding + 1)[:, None] for _ in range(2))
    rows = torch.arange(H, device=images.device) + down  # [B, H]
    columns = torch.arange(W, device=images.device) + across
    padded = F.pad(images, (padding,) * 4, mode=frame)  # [B, C, H + 2P, W + 2P]
    padded = padded.gather(2, rows[:, None, :, None].expand(B, C, H, W + 2 * padding))
    return padded.gather(3, columns[:, None, None, :].expand(B, C, H, W))


def zoom_crop(images: Tensor, generator: torch.Generator, smallest: float = 0.6) -> Tensor:
    """Cut a window out of each image, anywhere inside it, and enlarge it to the old size.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        smallest: Least side of the window as a share of the image's, in (0, 1].

    Raises:
        ValueError: If the share is out of range.

    Taught in: lectures/03_training
    """
    if not 0 < smallest <= 1:
        raise ValueError(f"expected a share in (0, 1], got {smallest}")
    share = draw_uniform(images, generator, smallest, 1)
    across = draw_uniform(images, generator, -1, 1) * (1 - share)
    down = draw_uniform(images, generator, -1, 1) * (1 - share)
    return warp_affine(images, matrix(share, 0, 0, share, across, down))


def rotate(images: Tensor, generator: torch.Generator, degrees: float = 15.0) -> Tensor:
    """Turn about the centre by an angle from −degrees to degrees; square pixels stay square.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        degrees: Largest angle, at least 0.

    Taught in: lectures/03_training
    """
    angle = torch.deg2rad(draw_uniform(images, generator, -degrees, degrees))
    H, W = images.shape[2:]
    cos, sin = angle.cos(), angle.sin()
    return warp_affine(images, matrix(cos, -sin * H / W, sin * W / H, cos))


def scale(
    images: Tensor, generator: torch.Generator, smallest: float = 0.8, largest: float = 1.25
) -> Tensor:
    """Enlarge about the centre by a factor; below 1 the picture shrinks and a border shows.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        smallest: Factor, above 0.
        largest: Factor, at least the smallest.

    Taught in: lectures/03_training
    """
    factor = draw_uniform(images, generator, smallest, largest)
    return warp_affine(images, matrix(1 / factor, 0, 0, 1 / factor))


def shift(images: Tensor, generator: torch.Generator, share: float = 0.1) -> Tensor:
    """Move by up to a share of the width and of the height, also by parts of pixels.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        share: At least 0.

    Taught in: lectures/03_training
    """
    across = 2 * draw_uniform(images, generator, -share, share)
    down = 2 * draw_uniform(images, generator, -share, share)
    return warp_affine(images, matrix(1, 0, 0, 1, across, down))


def shear(images: Tensor, generator: torch.Generator, degrees: float = 15.0) -> Tensor:
    """Slant: rows slide sideways, further with the distance from the middle one.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        degrees: Largest angle of an upright line afterwards, in [0, 90).

    Taught in: lectures/03_training
    """
    slope = torch.tan(torch.deg2rad(draw_uniform(images, generator, -degrees, degrees)))
    return warp_affine(images, matrix(1, slope * images.shape[2] / images.shape[3], 0, 1))


def stretch(images: Tensor, generator: torch.Generator, factor: float = 1.25) -> Tensor:
    """Make wider by up to a factor and lower by the same, or the other way round.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        factor: At least 1.

    Raises:
        ValueError: If the factor is below 1.

    Taught in: lectures/03_training
    """
    if not factor >= 1:
        raise ValueError(f"expected a factor >= 1, got {factor}")
    wider = factor ** draw_uniform(images, generator, -1, 1)
    return warp_affine(images, matrix(1 / wider, 0, 0, wider))


def lens(images: Tensor, generator: torch.Generator, strength: float = 0.15) -> Tensor:
    """Distort like a lens: what is shown at radius r comes from r (1 + k r²), |k| ≤ strength.

    A positive k makes a barrel, a negative one a cushion; r is 1 at the middle of each side.

    Args:
        images: [B, C, H, W].
        generator: On the CPU.
        strength: In [0, 1/6]: up to there the corners, at r² = 2, do not fold over.

    Raises:
        ValueError: If the strength is out of range.

    Taught in: lectures/03_training
    """
    if not 0 <= strength <= 1 / 6:
        raise ValueError(f"expected a strength in [0, 1/6], got {strength}")
    k = draw_uniform(images, generator, -strength, strength)[:, None, None, None]
    grid = affine_grid(images, matrix(torch.ones(len(images), device=images.device), 0, 0, 1))
    return sample(images, grid * (1 + k * grid.square().sum(dim=3, keepdim=True)))


def matrix(*entries: Tensor | float) -> Tensor:
    """Matrices [B, 2, 3] from a, b, c, d and, if given, the shift: x_in = a x + b y − across."""
    a, b, c, d, across, down = (*entries, 0, 0)[:6]
    tensors = [entry for entry in entries if isinstance(entry, Tensor)]
    like = tensors[0] if tensors else torch.ones(1)
    parts = [
        e.to(like) if isinstance(e, Tensor) else torch.full_like(like, e)
        for e in (a, b, -across, c, d, -down)
    ]
    return torch.stack(parts, dim=1).reshape(-1, 2, 3)


def affine_grid(images: Tensor, matrices: Tensor) -> Tensor:
    """For each pixel of the result the place [B, H, W, 2] in the image that it shows."""
    H, W = images.shape[2:]
    across = (2 * torch.arange(W, device=images.device) + 1) / W - 1
    down = (2 * torch.arange(H, device=images.device) + 1) / H - 1
    y, x = torch.meshgrid(down, across, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], dim=2)  # [H, W, 3]
    return torch.einsum("hwk,bjk->bhwj", pixels.to(matrices), matrices)


def sample(images: Tensor, grid: Tensor) -> Tensor:
    """The images' values at the places of a grid, bilinear, 0 outside."""
    return F.grid_sample(images, grid.to(images.dtype), align_corners=False)


def warp_affine(images: Tensor, matrices: Tensor) -> Tensor:
    """Show in each pixel p the image at M p: M leads from the result back to the source.

    Args:
        images: [B, C, H, W].
        matrices: M [B, 2, 3] in coordinates from −1 to 1.

    Raises:
        ValueError: If a shape is off.
    """
    check_images(images)
    if matrices.shape != (len(images), 2, 3):
        raise ValueError(f"expected matrices [{len(images)}, 2, 3], got {list(matrices.shape)}")
    return sample(images, affine_grid(images, matrices.to(images)))
