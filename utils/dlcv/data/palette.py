"""Names and values of the objects' colours and patterns."""

import torch

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "white")
PATTERNS = ("plain", "stripes", "dots")
RGB = torch.tensor(
    [
        (0.86, 0.20, 0.19),
        (0.24, 0.65, 0.27),
        (0.19, 0.35, 0.84),
        (0.95, 0.81, 0.19),
        (0.58, 0.28, 0.74),
        (0.95, 0.52, 0.14),
        (0.25, 0.78, 0.84),
        (0.93, 0.93, 0.91),
    ]
)
"""RGB in [0, 1] of each of COLOURS, [8, 3]."""

ACCENT_RGB = torch.tensor([(0.95, 0.95, 0.94)] * 7 + [(0.52, 0.56, 0.63)])
"""RGB of the second colour that goes with each: white, and grey on white objects, [8, 3]."""
