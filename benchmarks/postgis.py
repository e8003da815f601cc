"""The same look-up in PostGIS, where it is installed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
import shapely

from tests.support import postgresql

_ROUNDS: Final = 5
_ONES: Final = 200
_NEEDED: Final = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"
_ONE: Final = """
    SELECT id FROM zones WHERE ST_Covers(shape, ST_SetSRID(ST_MakePoint(%s, %s), 4326))
"""
_MANY: Final = "SELECT places.id, zones.id FROM places JOIN zones ON ST_Covers(shape, place)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Seconds on the clock, best of some rounds: one place, and all places in one statement."""

    one_s: float
    many_s: float


def measure(
    polygons: Sequence[shapely.Polygon], latitudes: list[float], longitudes: list[float]
) -> Measured | None:
    """Return how long PostGIS takes on a server of its own; None where it is not installed."""
    with _connected() as connection:
        if connection.execute(_NEEDED).fetchone() == (0,):
            return None
        _fill(connection, polygons, latitudes, longitudes)
        where = list(zip(longitudes, latitudes, strict=True))
        ones = [_seconds(connection, where[:_ONES]) / _ONES for _ in range(_ROUNDS)]
        manys = []
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            connection.execute(_MANY).fetchall()
            manys.append(time.perf_counter() - started)
    return Measured(one_s=min(ones), many_s=min(manys))


def _seconds(connection: psycopg.Connection, where: Sequence[tuple[float, float]]) -> float:
    started = time.perf_counter()
    for place in where:
        connection.execute(_ONE, place, prepare=True).fetchall()
    return time.perf_counter() - started


@contextmanager
def _connected() -> Iterator[psycopg.Connection]:
    with postgresql.server() as url:
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection


def _fill(
    connection: psycopg.Connection,
    polygons: Sequence[shapely.Polygon],
    latitudes: list[float],
    longitudes: list[float],
) -> None:
    connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    connection.execute("CREATE TEMP TABLE zones (id int, shape geometry(Polygon, 4326))")
    connection.execute("CREATE TEMP TABLE places (id int, place geometry(Point, 4326))")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO zones VALUES (%s, ST_GeomFromWKB(%s, 4326))",
            [(number, shapely.to_wkb(polygon)) for number, polygon in enumerate(polygons)],
        )
        cursor.executemany(
            "INSERT INTO places VALUES (%s, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
            list(zip(range(len(latitudes)), longitudes, latitudes, strict=True)),
        )
    connection.execute("CREATE INDEX ON zones USING gist (shape)")
    connection.execute("ANALYZE zones")
    connection.execute("ANALYZE places")
