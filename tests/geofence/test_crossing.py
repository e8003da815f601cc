"""What the way between two fixes says about a zone that neither stands in."""

from __future__ import annotations

import pytest

from geofence import Area, Circle, Corridor, Zone
from geofence.crossing import Crossing, Obstacle
from geofence.instant import Anchor
from tests.geofence.scenes import PARAMETERS, place


def _anchor(at_s: int, east_m: float, north_m: float = 0.0, accuracy_m: float = 10.0) -> Anchor:
    return Anchor(b"fix", at_s, *place(east_m, north_m), accuracy_m)


def _ring(*corners_m: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return tuple(place(x, y)[::-1] for x, y in (*corners_m, corners_m[0]))


_SQUARE = Area(polygons=((_ring((-100, -100), (100, -100), (100, 100), (-100, 100)),),))
_WALL = Corridor(line=(place(0, -20_000)[::-1], place(0, 20_000)[::-1]), width_m=12.0)
_COURT = Area(
    polygons=(
        (
            _ring((-200, -200), (200, -200), (200, 200), (-200, 200)),
            _ring((-100, -100), (100, -100), (100, 100), (-100, 100)),
        ),
    )
)
# Open to the west: the place in the bay can leave without passing through.
_BAY = Area(
    polygons=(
        (
            _ring(
                (-200, -200), (200, -200), (200, 200), (-200, 200),
                (-200, 100), (100, 100), (100, -100), (-200, -100),
            ),
        ),
    )
)  # fmt: skip
_TWO = Area(
    polygons=(
        *_SQUARE.polygons,
        (_ring((500, -100), (700, -100), (700, 100), (500, 100)),),
    ),
    multiple=True,
)


@pytest.mark.parametrize(
    ("zone", "before", "after", "expected"),
    [
        # Ten seconds through a square whose way round takes three times as far.
        (_SQUARE, _anchor(0, -150), _anchor(6, 150), Crossing.CONFIRMED),
        (_SQUARE, _anchor(0, -150), _anchor(60, 150), Crossing.POSSIBLE),
        (_SQUARE, _anchor(0, -150, 250), _anchor(60, 150, 250), Crossing.NONE),
        # The error circles reach past the corner.
        (_SQUARE, _anchor(0, -150, 95), _anchor(60, 150, 95), Crossing.NONE),
        (Circle(latitude=45.0, longitude=14.0, radius_m=100.0), _anchor(0, -150), _anchor(4, 150), Crossing.CONFIRMED),
        # A narrow road forty kilometres long: one side to the other in two minutes.
        (_WALL, _anchor(0, -60), _anchor(120, 60), Crossing.CONFIRMED),
        (_WALL, _anchor(0, 60), _anchor(120, 200), Crossing.NONE),
        # From the courtyard out: there is no way round at any speed.
        (_COURT, _anchor(0, 0), _anchor(300, 300), Crossing.CONFIRMED),
        (_COURT, _anchor(0, -50), _anchor(300, 50), Crossing.NONE),
        (_COURT, _anchor(0, -300), _anchor(300, 300), Crossing.POSSIBLE),
        (_BAY, _anchor(0, 0), _anchor(10, 300), Crossing.POSSIBLE),
        # Between two parts there may be a way.
        (_TWO, _anchor(0, -150), _anchor(60, 300), Crossing.POSSIBLE),
        (_TWO, _anchor(0, 150), _anchor(60, 450), Crossing.NONE),
        # The same place twice is no way at all.
        (_SQUARE, _anchor(0, -150), _anchor(60, -150), Crossing.NONE),
    ],
)  # fmt: skip
def test_a_way_is_judged(zone: Zone, before: Anchor, after: Anchor, expected: Crossing) -> None:
    assert Obstacle(zone).crossing(before, after, PARAMETERS) is expected


@pytest.mark.parametrize("turn", [0.0, -360.0])
def test_the_antimeridian_is_no_obstacle(turn: float) -> None:
    corners = ((179.999, -0.001), (180.001, -0.001), (180.001, 0.001), (179.999, 0.001))
    ring = tuple((longitude + turn, latitude) for longitude, latitude in (*corners, corners[0]))
    obstacle = Obstacle(Area(polygons=((ring,),)))
    there = Anchor(b"there", 0, 0.0, 179.997, 10.0), Anchor(b"there", 60, 0.0, -179.997, 10.0)
    back = Anchor(b"back", 0, 0.0, -179.997, 10.0), Anchor(b"back", 60, 0.0, 179.997, 10.0)

    assert obstacle.crossing(*there, PARAMETERS) is Crossing.POSSIBLE
    assert obstacle.crossing(*back, PARAMETERS) is Crossing.POSSIBLE
    assert obstacle.is_between(*there)
    assert obstacle.is_between(*back)
    assert not obstacle.is_between(there[0], back[1])
