"""Boxes in a grid: the same pairs as by asking each box, or a word that a tree must be asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence.geodesy import Floats
from geofence.grid import CANDIDATES_A_PLACE, ENTRIES_A_BOX, Grid

degrees = st.floats(-200.0, 200.0, allow_nan=False).map(lambda value: round(value, 3))
sizes = st.sampled_from([0.0, 1e-12, 0.001, 0.5, 40.0, 360.0])


@st.composite
def boxes(draw: st.DrawFn) -> Floats:
    corners = draw(st.lists(st.tuples(degrees, degrees, sizes, sizes), min_size=1, max_size=40))
    return np.array([(w, s, w + wide, s + high) for w, s, wide, high in corners])


def asked_one_by_one(rows: Floats, x: Floats, y: Floats) -> set[tuple[int, int]]:
    return {
        (place, number)
        for place in range(len(x))
        for number, (west, south, east, north) in enumerate(rows)
        if west <= x[place] <= east and south <= y[place] <= north
    }


def test_no_place_has_no_pair() -> None:
    grid = Grid.of(np.array([[0.0, 0.0, 1.0, 1.0]]))

    found = grid.pairs(np.array([]), np.array([]))

    assert found is not None
    assert [len(part) for part in found] == [0, 0]


@settings(max_examples=200, deadline=None)
@given(
    rows=boxes(), places=st.lists(st.tuples(degrees, degrees), max_size=20), corner=st.booleans()
)
def test_the_pairs_are_those_of_asking_each_box(
    rows: Floats, places: list[tuple[float, float]], *, corner: bool
) -> None:
    edges = [(row[0], row[3]) for row in rows] + [(row[2], row[1]) for row in rows]
    x, y = np.array([*places, *(edges if corner else [])]).reshape(-1, 2).T

    found = Grid.of(rows).pairs(x, y)

    expected = asked_one_by_one(rows, x, y)
    if found is None:
        assert len(rows) > CANDIDATES_A_PLACE
    else:
        pairs = list(zip(*(part.tolist() for part in found), strict=True))
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == expected


@pytest.mark.parametrize("count", [1, 100, 1_000])
def test_boxes_as_large_as_the_world_do_not_fill_every_cell(count: int) -> None:
    grid = Grid.of(np.tile([[-180.0, -90.0, 180.0, 90.0]], (count, 1)))

    assert len(grid.entries) <= ENTRIES_A_BOX * count


def test_a_crowd_far_from_one_other_box_is_left_to_the_tree() -> None:
    crowd = np.tile([[10.0, 50.0, 10.001, 50.001]], (1_000, 1))
    grid = Grid.of(np.concatenate([crowd, [[-170.0, -80.0, -169.0, -79.0]]]))

    assert grid.pairs(np.array([10.5]), np.array([50.5])) is None
