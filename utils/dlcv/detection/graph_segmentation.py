"""A picture as a graph of pixels, cut where a step is large for its surroundings."""

import numpy as np


def pixel_edges(image: np.ndarray) -> list[tuple[float, int, int]]:
    """Link every pixel with its neighbours to the right, below and on both diagonals below.

    Args:
        image: float [H, W, C].

    Returns:
        (distance of the two colours, pixel, pixel), by rising distance; pixels are counted row by
        row.

    Taught in: lectures/11_detection_foundations
    """
    H, W, _ = image.shape
    index = np.arange(H * W).reshape(H, W)
    flat = image.reshape(H * W, -1)
    edges = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = index[: H - dy, max(0, -dx) : W - max(0, dx)].ravel()
        there = index[dy:, max(0, dx) : W + min(0, dx)].ravel()
        steps = np.sqrt(np.square(flat[here] - flat[there]).sum(axis=1))
        edges += zip(steps.tolist(), here.tolist(), there.tolist(), strict=True)
    return sorted(edges)


def graph_segments(image: np.ndarray, scale: float) -> np.ndarray:
    """Join neighbouring pixels, smallest steps first, wherever the step is usual on both sides.

    Two regions are joined across an edge if its weight is at most Int(R) + scale / |R| for both,
    where Int(R) is the largest step that was needed to join R. The second term lets small regions
    grow; the larger the scale, the larger the regions.

    Args:
        image: float [H, W, C].
        scale: Above 0, in the unit of the image's values times pixels.

    Returns:
        int [H, W], the region of each pixel, counted from 0.

    Raises:
        ValueError: If the image is no [H, W, C] or the scale is not positive.

    Reference:
        Felzenszwalb and Huttenlocher, Efficient Graph-Based Image Segmentation, IJCV 2004, sec. 3.

    Taught in: lectures/11_detection_foundations
    """
    if image.ndim != 3 or scale <= 0:
        raise ValueError(f"expected an image [H, W, C], scale > 0, got {image.shape}, {scale}")
    pixels = image.shape[0] * image.shape[1]
    parent, size, limit = list(range(pixels)), [1] * pixels, [scale] * pixels

    def root(pixel: int) -> int:
        while parent[pixel] != pixel:
            parent[pixel] = parent[parent[pixel]]  # shorten the way for the next time
            pixel = parent[pixel]
        return pixel

    for step, here, there in pixel_edges(image):
        a, b = root(here), root(there)
        if a != b and step <= min(limit[a], limit[b]):
            parent[b] = a
            size[a] += size[b]
            limit[a] = step + scale / size[a]  # edges come by size: this one is the largest in it
    roots = [root(pixel) for pixel in range(pixels)]
    return np.unique(roots, return_inverse=True)[1].reshape(image.shape[:2])
