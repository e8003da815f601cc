"""Zones as they are kept until somebody asks: many belong to each person, and few are ever read.

A position in tuples of Python numbers takes seven times the memory of its two numbers, and to make
them takes longer than all else that the clock asks of a rule.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TypeAlias

import msgspec

from geofence.geojson import zone_from_geojson
from geofence.zone import Area, Circle, Corridor, Position, Zone

_Flat: TypeAlias = "array[float]"


class StoredZone(msgspec.Struct, frozen=True, gc=False):
    """A zone as the text of the feature that `zone_to_geojson` made of it, not read yet."""

    text: str


def drawn(zone: Zone | StoredZone) -> Zone:
    """The zone, read if it was not. Raises what `zone_from_geojson` does, for what is none."""
    if isinstance(zone, StoredZone):
        return zone_from_geojson(msgspec.json.decode(zone.text))
    return zone


def folded(zone: Zone) -> Callable[[], Zone]:
    """What gives an equal zone whenever it is called."""
    if isinstance(zone, Circle):
        return lambda: zone
    if isinstance(zone, Corridor):
        return partial(_corridor, _flat(zone.line), zone.width_m)
    polygons = tuple(tuple(map(_flat, polygon)) for polygon in zone.polygons)
    return partial(_area, polygons, zone.multiple)


def _corridor(line: _Flat, width_m: float) -> Corridor:
    return Corridor(line=_positions(line), width_m=width_m)


def _area(polygons: tuple[tuple[_Flat, ...], ...], multiple: bool) -> Area:
    return Area(
        polygons=tuple(tuple(map(_positions, polygon)) for polygon in polygons), multiple=multiple
    )


def _flat(positions: tuple[Position, ...]) -> _Flat:
    return array("d", chain.from_iterable(positions))


def _positions(flat: _Flat) -> tuple[Position, ...]:
    return tuple(zip(flat[::2], flat[1::2], strict=True))
