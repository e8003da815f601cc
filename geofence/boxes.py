"""Many boxes at once, in arrays: what `Box` says of one, said of all in a few operations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geofence.geodesy import (
    HALF_TURN,
    LEAST_M_PER_DEGREE_EQUATOR,
    LEAST_M_PER_DEGREE_LATITUDE,
    NEAR_POLE,
    POLE,
    TURN,
    Box,
    Floats,
)


class Boxes(NamedTuple):
    """Degrees, as in `Box`."""

    west: Floats
    south: Floats
    east: Floats
    north: Floats

    @classmethod
    def of(cls, boxes: list[Box]) -> Boxes:
        """The boxes of a list."""
        return cls(*np.array(boxes, dtype=np.float64).reshape(-1, 4).T)

    @classmethod
    def between(
        cls, latitudes: Floats, longitudes: Floats, to_latitudes: Floats, to_longitudes: Floats
    ) -> Boxes:
        """For each place the smallest box with the place beside it, the short way round."""
        east = to_longitudes - longitudes
        to = to_longitudes + TURN * ((east < -HALF_TURN).astype(int) - (east > HALF_TURN))
        return cls(
            np.minimum(longitudes, to),
            np.minimum(latitudes, to_latitudes),
            np.maximum(longitudes, to),
            np.maximum(latitudes, to_latitudes),
        )

    def grown(self, radii_m: Floats) -> Boxes:
        """Each box grown by its radius."""
        margins_north = radii_m / LEAST_M_PER_DEGREE_LATITUDE
        south, north = self.south - margins_north, self.north + margins_north
        shrink = np.cos(np.radians(np.minimum(np.maximum(-south, north), POLE)))
        margins_east = radii_m / (LEAST_M_PER_DEGREE_EQUATOR * np.maximum(shrink, NEAR_POLE))
        round_a_pole = shrink < NEAR_POLE
        return Boxes(
            np.where(round_a_pole, -HALF_TURN, self.west - margins_east),
            south,
            np.where(round_a_pole, HALF_TURN, self.east + margins_east),
            north,
        )

    def meeting(self, others: Boxes) -> npt.NDArray[np.bool_]:
        """Whether each box (rows) meets each of the others (columns)."""
        west, south, east, north = (side[:, None] for side in self)
        level = (south <= others.north) & (others.south <= north)
        turned = np.mod(west - others.west, TURN)
        reaches_east = turned <= others.east - others.west
        meets: npt.NDArray[np.bool_] = level & (reaches_east | (turned + (east - west) >= TURN))
        return meets
