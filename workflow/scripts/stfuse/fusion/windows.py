"""What search windows see around the pixels that are asked for."""

from __future__ import annotations

from stfuse.task import Window

Edges = tuple[int, int, int, int]
"""Top, bottom, left, right: first row, row after the last, first column, column after the last."""


def surroundings(edges: Edges, radius: int, shape: tuple[int, int]) -> tuple[Window, Edges]:
    """The part of an image (y, x) that windows around the pixels between the edges see, and the edges within it.

    Parameters
    ----------
    radius : int
        Half the window, which is cut at the image's edge.
    shape : (y, x)
        Of the image.
    """
    top, bottom, left, right = edges
    rows = slice(max(top - radius, 0), min(bottom + radius, shape[0]))
    columns = slice(max(left - radius, 0), min(right + radius, shape[1]))
    return (rows, columns), (top - rows.start, bottom - rows.start, left - columns.start, right - columns.start)
