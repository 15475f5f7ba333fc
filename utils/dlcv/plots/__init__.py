"""Figures: images, boxes, masks, filters, matrices, curves, points.

Every function draws into one Axes, given or new, and returns it. Colours are Okabe and Ito's, which
people with any common colour vision can tell apart; nothing is told by colour alone.
"""

from dlcv.plots.charts import curves, show_matrix
from dlcv.plots.pictures import show_boxes, show_filters, show_images, show_masks
from dlcv.plots.style import OKABE_ITO, use_book_style

__all__ = [
    "OKABE_ITO",
    "curves",
    "show_boxes",
    "show_filters",
    "show_images",
    "show_masks",
    "show_matrix",
    "use_book_style",
]
