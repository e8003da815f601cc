"""Boxes sorted into the cells of a grid: for thousands of places at once, a tenth of a tree's time.

A grid is quick where boxes are spread evenly. Where thousands crowd into one cell it says so, and a
tree must be asked.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from geofence.geodesy import Floats

Indices: TypeAlias = npt.NDArray[np.int64]

CELLS_A_BOX: Final = 4
ENTRIES_A_BOX: Final = 16
"""A box is entered in each cell that it meets. On average in so many at most: else cells grow."""
CANDIDATES_A_PLACE: Final = 32
"""More boxes than that to be compared with each place on average, and the grid is of no use."""


_LOW: Final = [0, 1]
_HIGH: Final = [2, 3]
_NARROWEST_DEG: Final = 1e-9


class Grid(NamedTuple):
    """`side` times `side` cells over all boxes; what is in one is `entries[begins[cell]:…]`."""

    boxes: Floats
    corner: Floats
    per_degree: Floats
    side: int
    entries: Indices
    begins: Indices

    @classmethod
    def of(cls, boxes: Floats) -> Grid:
        """The grid of boxes in rows: west, south, east, north, in degrees; one at least."""
        corner, far = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        side = math.isqrt(CELLS_A_BOX * len(boxes))
        while True:
            per_degree = side / np.maximum(far - corner, _NARROWEST_DEG)
            low, high = (_cells(boxes[:, at], corner, per_degree, side) for at in (_LOW, _HIGH))
            counts = np.prod(high - low + 1, axis=1)
            if counts.sum() <= ENTRIES_A_BOX * len(boxes):
                break
            side //= 2
        owners, turns = _spans(counts)
        wide = (high - low + 1)[owners, 0]
        rows, columns = low[owners, 1] + turns // wide, low[owners, 0] + turns % wide
        cells = rows * side + columns
        order = np.argsort(cells, kind="stable")
        begins = np.searchsorted(cells[order], np.arange(side * side + 1))
        return cls(boxes, corner, per_degree, side, owners[order], begins)

    def pairs(self, x: Floats, y: Floats) -> tuple[Indices, Indices] | None:
        """Pairs of place and box that holds it, edge included; None where boxes crowd too much."""
        at = _cells(np.column_stack([x, y]), self.corner, self.per_degree, self.side)
        cells = at[:, 1] * self.side + at[:, 0]
        first, counts = self.begins[cells], self.begins[cells + 1] - self.begins[cells]
        if counts.sum() > CANDIDATES_A_PLACE * len(x):
            return None
        places, turns = _spans(counts)
        numbers = self.entries[first[places] + turns]
        west, south, east, north = self.boxes[numbers].T
        px, py = x[places], y[places]
        holds = (west <= px) & (px <= east) & (south <= py) & (py <= north)
        return places[holds], numbers[holds]


def _cells(points: Floats, corner: Floats, per_degree: Floats, side: int) -> Indices:
    """The column and row of each point; of one outside, those of the nearest cell."""
    cells: Indices = np.clip((points - corner) * per_degree, 0, side - 1).astype(np.int64)
    return cells


def _spans(counts: Indices) -> tuple[Indices, Indices]:
    """For counts 2, 0, 3: whose each is (0 0 2 2 2), and which of theirs (0 1 0 1 2)."""
    owners = np.repeat(np.arange(len(counts)), counts)
    return owners, np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
