"""From a region of a feature map, whatever its size, to a grid of always the same size.

A region of interest (RoI) is a box in pixels of the image. The feature map is smaller than the
image: `spatial_scale`, one over the map's stride, takes the box to the map.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Size = int | tuple[int, int]
Regions = Tensor | Sequence[Tensor]


def roi_pool(
    input: Tensor, boxes: Regions, output_size: Size, spatial_scale: float = 1.0
) -> Tensor:
    """Return the largest value in each of P × Q bins of every region.

    The edges of a region are rounded to whole places of the map, and the last place belongs to it.
    Of its h rows, bin i of P holds those from floor(i h / P) up to, not including,
    ceil((i + 1) h / P), so neighbouring bins may share one. A bin outside the map gives 0. The
    gradient goes to the place that had the maximum, the first one in reading order.

    Args:
        input: Feature maps [B, C, H, W].
        boxes: [K, 5], each the index of its image and xyxy in px; or one [n, 4] for each image.
            They are taken as constants.
        output_size: (P, Q), or one number for both.
        spatial_scale: Places of the map for each pixel, 1 / stride.

    Returns:
        [K, C, P, Q].

    Raises:
        ValueError: If a shape, an index of an image, a size or the scale is off.

    Reference:
        Girshick, Fast R-CNN, sec. 2.1; rounded as in `torchvision.ops.roi_pool`.

    Taught in: lectures/12_rcnn_family
    """
    image, boxes, (P, Q) = check_regions(input, boxes, output_size, spatial_scale)
    B, C, H, W = input.shape
    first, last = round_half_away(boxes * spatial_scale).split(2, dim=1)  # [K, 2], (x, y)
    extent = (last - first + 1).clamp(min=1)
    columns, used_columns = bin_places(first[:, 0], extent[:, 0], Q, limit=W)  # [K, Q, n]
    rows, used_rows = bin_places(first[:, 1], extent[:, 1], P, limit=H)  # [K, P, m]
    place = rows[:, :, None, :, None] * W + columns[:, None, :, None, :]  # [K, P, Q, m, n]
    used = used_rows[:, :, None, :, None] & used_columns[:, None, :, None, :]
    place = place + (image * H * W).reshape(-1, 1, 1, 1, 1)
    maps = input.permute(0, 2, 3, 1).reshape(B * H * W, C)  # one row for each place
    return largest(maps, place.flatten(3), used.flatten(3)).permute(0, 3, 1, 2)


def compiled_roi_pool(
    input: Tensor, boxes: Regions, output_size: Size, spatial_scale: float = 1.0
) -> Tensor:
    """Return what `roi_pool` returns, many times as fast: torchvision's compiled function.

    Arguments, result and errors are those of `roi_pool`.

    Taught in: lectures/12_rcnn_family
    """
    from torchvision.ops import roi_pool as compiled  # here: importing it changes the environment

    check_regions(input, boxes, output_size, spatial_scale)
    return compiled(input, boxes, output_size, spatial_scale)


def bin_places(first: Tensor, extent: Tensor, bins: int, limit: int) -> tuple[Tensor, Tensor]:
    """List the places of each bin along one side.

    Args:
        first: [K], the first place of each region, a whole number.
        extent: [K], how many places it has, at least 1.
        bins: Into how many bins it is cut.
        limit: How many places the map has.

    Returns:
        Places, int64 [K, bins, n] with n as the largest bin needs, and which of them are in use,
        bool of the same shape.

    Taught in: lectures/12_rcnn_family
    """
    side = (extent / bins)[:, None]  # [K, 1]
    i = torch.arange(bins, device=first.device)
    start = (first[:, None] + (i * side).floor()).clamp(0, limit)  # [K, bins]
    end = (first[:, None] + ((i + 1) * side).ceil()).clamp(0, limit)
    n = int((end - start).amax().clamp(min=1)) if len(first) else 1
    places = start[..., None] + torch.arange(n, device=first.device)  # [K, bins, n]
    return places.clamp(max=limit - 1).long(), places < end[..., None]


def largest(maps: Tensor, place: Tensor, used: Tensor) -> Tensor:
    """Fetch the largest of several places, channel by channel.

    Where it lies is found first, outside the graph of gradients. Fetching it is all that is
    differentiated, so the gradient goes back to the winner and to nobody else.

    Args:
        maps: [N, C], one row for each place.
        place: int64 [K, P, Q, n], the places of each bin.
        used: bool, likewise: which of them count.

    Returns:
        [K, P, Q, C]; 0 for a bin without places.

    Taught in: lectures/12_rcnn_family
    """
    nowhere = len(maps)  # a place more, with less than any other
    with torch.no_grad():
        padded = torch.cat([maps, torch.full_like(maps[:1], float("-inf"))])
        values = padded[place.where(used, nowhere)]  # [K, P, Q, n, C]
        winner = place.gather(3, values.max(dim=3).indices)  # [K, P, Q, C]
    found = maps.gather(0, winner.flatten(0, 2)).reshape(winner.shape)
    return found * used.any(dim=3, keepdim=True)


def roi_align(
    input: Tensor,
    boxes: Regions,
    output_size: Size,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Return the mean of a few samples of the map in each of P × Q bins of every region.

    Nothing is rounded: a sample lies where it lies, between four places, and is interpolated
    bilinearly. That is linear in the map and separable, so a region's grid is A X Bᵀ with the map X
    and two small matrices of weights, one for rows and one for columns.

    Args:
        input: Feature maps [B, C, H, W].
        boxes: [K, 5], each the index of its image and xyxy in px; or one [n, 4] for each image.
            They are taken as constants.
        output_size: (P, Q), or one number for both.
        spatial_scale: Places of the map for each pixel, 1 / stride.
        sampling_ratio: Samples along each side of a bin; -1 for as many as the bin has places,
            rounded up.
        aligned: Whether place (i, j) stands for the *middle* of its pixel, (i + 0.5, j + 0.5):
            the region is moved by half a place. Without, a region is at least one place large.

    Returns:
        [K, C, P, Q].

    Raises:
        ValueError: If a shape, an index of an image, a size or the scale is off.

    Reference:
        He, Gkioxari, Dollár and Girshick, Mask R-CNN, sec. 3; samples as in
        `torchvision.ops.roi_align`.

    Taught in: lectures/12_rcnn_family
    """
    image, boxes, (P, Q) = check_regions(input, boxes, output_size, spatial_scale)
    first, last = (boxes * spatial_scale - (0.5 if aligned else 0.0)).split(2, dim=1)
    extent = last - first if aligned else (last - first).clamp(min=1)
    C, H, W = input.shape[1:]
    A = sample_weights(first[:, 1], extent[:, 1], P, sampling_ratio, limit=H)  # [K, P, H]
    B = sample_weights(first[:, 0], extent[:, 0], Q, sampling_ratio, limit=W)  # [K, Q, W]
    rows = mix_rows(A, input.permute(0, 2, 3, 1).flatten(2), image)  # [K, P, W * C]
    return (B[:, None] @ rows.reshape(-1, P, W, C)).permute(0, 3, 1, 2)


def sample_weights(first: Tensor, extent: Tensor, bins: int, ratio: int, limit: int) -> Tensor:
    """Say how much each place of a side counts in each bin: a mean of interpolated samples.

    A sample at t takes max(0, 1 - |t - j|) from place j, which is linear interpolation. It is moved
    to the nearest place up to one place outside the map, and counts 0 beyond.

    Args:
        first: [K], where each region begins.
        extent: [K], how long it is.
        bins: Into how many bins it is cut.
        ratio: Samples in a bin; -1 for one a place, rounded up.
        limit: How many places the map has.

    Returns:
        [K, bins, limit].

    Taught in: lectures/12_rcnn_family
    """
    side = (extent / bins)[:, None, None]  # [K, 1, 1]
    count = torch.full_like(side, ratio) if ratio > 0 else side.ceil()
    n = int(count.amax().clamp(min=1)) if len(first) else 1
    i = torch.arange(bins, device=first.device)[:, None]
    s = torch.arange(n, device=first.device)  # samples of a bin
    t = first[:, None, None] + i * side + (s + 0.5) * side / count  # [K, bins, n]
    counted = (s < count) & (t >= -1) & (t <= limit)
    places = torch.arange(limit, device=first.device)
    weights = (1 - (t.clamp(0, limit - 1)[..., None] - places).abs()).clamp(min=0)
    return (weights * counted[..., None]).sum(dim=2) / count.clamp(min=1)  # [K, bins, limit]


def mix_rows(weights: Tensor, maps: Tensor, image: Tensor) -> Tensor:
    """Multiply each region's weights with its map: one product for all regions of an image.

    Args:
        weights: [K, P, H].
        maps: [B, H, D].
        image: int64 [K], which of the B maps each region lies in.

    Returns:
        [K, P, D].
    """
    order = image.argsort(stable=True)
    parts = weights[order].split(image.bincount(minlength=len(maps)).tolist())
    mixed = [part.flatten(0, 1) @ m for part, m in zip(parts, maps, strict=True)]
    mixed = torch.cat([maps.new_zeros(0, maps.shape[2]), *mixed])
    mixed = mixed.reshape(*weights.shape[:2], maps.shape[2])
    return mixed[order.argsort()]


def spatial_pyramid_pool(
    input: Tensor,
    levels: Sequence[int] = (6, 3, 2, 1),
    boxes: Regions | None = None,
    spatial_scale: float = 1.0,
) -> Tensor:
    """Pool maps, or regions of them, into grids of several fixed sizes, all in one vector.

    Args:
        input: Feature maps [B, C, H, W] of any size.
        levels: The grids, n × n bins each; the default is SPPnet's for detection.
        boxes: Regions as for `roi_pool`; None for the whole of every map.
        spatial_scale: Places of the map for each pixel, 1 / stride.

    Returns:
        [K, C times the number of bins], level by level; K = B without boxes.

    Raises:
        ValueError: If there is no level, or a shape, an index of an image or the scale is off.

    Reference:
        He, Zhang, Ren and Sun, Spatial Pyramid Pooling in Deep Convolutional Networks, sec. 2.2
        and 4.1.

    Taught in: lectures/12_rcnn_family
    """
    if len(levels) == 0:
        raise ValueError("expected at least one level of the pyramid, got none")
    if boxes is None:
        H, W = input.shape[-2:]
        whole = input.new_tensor([[0, 0, W - 1, H - 1]])  # the last place belongs to the region
        boxes, spatial_scale = [whole] * len(input), 1.0
    grids = [roi_pool(input, boxes, n, spatial_scale).flatten(1) for n in levels]
    return torch.cat(grids, dim=1)


def check_regions(
    input: Tensor, boxes: Regions, output_size: Size, spatial_scale: float
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Return the image of each region [K], its box [K, 4] and the size of the grid, all checked.

    Raises:
        ValueError: If a shape, an index of an image, a size or the scale is off.
    """
    if input.ndim != 4 or not input.is_floating_point():
        got = f"{list(input.shape)}, {input.dtype}"
        raise ValueError(f"expected feature maps [B, C, H, W] of floats, got {got}")
    size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if len(size) != 2 or min(size) < 1 or spatial_scale <= 0:
        got = f"{output_size} and {spatial_scale}"
        raise ValueError(f"expected an output size of at least 1 and a scale above 0, got {got}")
    regions = boxes if isinstance(boxes, Tensor) else number_regions(boxes, len(input))
    if regions.ndim != 2 or regions.shape[1] != 5:
        got = list(regions.shape)
        raise ValueError(f"expected boxes [K, 5] or a list of [n, 4], got {got}")
    regions = regions.detach().to(input)
    image = regions[:, 0].long()
    if len(image) and not 0 <= int(image.min()) <= int(image.max()) < len(input):
        got = f"{int(image.min())} to {int(image.max())}"
        raise ValueError(f"expected indices of {len(input)} images, got {got}")
    return image, regions[:, 1:], size


def number_regions(boxes: Sequence[Tensor], images: int) -> Tensor:
    """Write one list of boxes for each image as one table with the image in front, [K, 5].

    Raises:
        ValueError: If there are not as many lists as images, or boxes of another shape.
    """
    if len(boxes) != images:
        raise ValueError(f"expected boxes for {images} images, got {len(boxes)} lists")
    if any(part.ndim != 2 or part.shape[1] != 4 for part in boxes):
        got = [list(part.shape) for part in boxes]
        raise ValueError(f"expected boxes [n, 4] for each image, got {got}")
    numbered = [torch.cat([torch.full_like(b[:, :1], i), b], dim=1) for i, b in enumerate(boxes)]
    return torch.cat(numbered)


def round_half_away(x: Tensor) -> Tensor:
    """Round to whole numbers, halves away from zero, as C does; torch rounds them to even."""
    return x.sign() * (x.abs() + 0.5).floor()
