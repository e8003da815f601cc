"""The simulation behind docs/judgement.md: its noise is as claimed, its scores are right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.judgement import noise, scenes
from benchmarks.judgement.__main__ import batches, measure
from benchmarks.judgement.methods import (
    CENTRE_POINT,
    GIVEN,
    METHODS,
    TWO_FIXES,
    Alarm,
    fixes_of,
    folded,
    telling_fixes,
)
from benchmarks.judgement.noise import Reports
from benchmarks.judgement.scores import Entered, Left, Quiet
from geofence import State, judge

NEVER = math.inf
SEED = 11


def still_reports(people: int = 200, every_s: int = 60) -> Reports:
    """A day of people who stand in the middle."""
    at_s = scenes.AT_HOME.times_s(every_s)
    middle = np.zeros((people, len(at_s)))
    return noise.report(at_s, middle, middle, np.random.default_rng(SEED))


def alarm(
    onset_s: float = 0.0,
    *,
    ended_s: float = NEVER,
    confirmed_s: float = NEVER,
    possible_s: float = NEVER,
    crossing: bool = False,
) -> Alarm:
    return Alarm(
        onset_s=onset_s,
        ended_s=ended_s,
        confirmed_s=confirmed_s,
        possible_s=possible_s,
        crossing=crossing,
    )


def test_the_stated_radius_holds_95_of_100_fixes() -> None:
    reports = still_reports()

    error_m = np.hypot(reports.east_m, reports.north_m)
    inside = error_m <= reports.accuracy_m

    assert inside.mean() == pytest.approx(0.95 * (1.0 - noise.OUTLIER_SHARE), abs=0.005)


@pytest.mark.parametrize(("every_s", "correlation_s"), [(60, 120.0), (60, 600.0), (15, 300.0)])
def test_errors_correlate_as_an_ar1_of_that_time(every_s: int, correlation_s: float) -> None:
    rng = np.random.default_rng(SEED)

    series = noise.correlated(2000, every_s, np.full(400, correlation_s), rng)

    for lag in (1, 5):
        found = float((series[:, :-lag] * series[:, lag:]).mean())
        assert found == pytest.approx(math.exp(-lag * every_s / correlation_s), abs=0.02)
    assert series.std() == pytest.approx(1.0, abs=0.02)


def test_outliers_are_as_rare_as_stated_lie_200_metres_off_claim_little_and_come_in_pairs() -> None:
    first, second = noise.outliers(500, 1440, np.random.default_rng(SEED))
    reports = still_reports()

    wild = reports.accuracy_m < noise.RADII_M[0]
    away_m = np.hypot(reports.east_m, reports.north_m)
    thrown = np.abs(away_m - noise.OUTLIER_M) < 6 * noise.PAIR_TREMBLE_M
    off_m, claims_m = away_m[wild], reports.accuracy_m[thrown]

    assert (first | second).mean() == pytest.approx(noise.OUTLIER_SHARE, rel=0.05)
    assert second.sum() / first.sum() == pytest.approx(noise.PAIRED_SHARE, rel=0.1)
    assert (second[:, 1:] & ~first[:, :-1]).sum() <= second.sum() * 0.01
    assert off_m == pytest.approx(noise.OUTLIER_M, abs=6 * noise.PAIR_TREMBLE_M)
    assert (claims_m.min(), claims_m.max()) == pytest.approx(noise.OUTLIER_CLAIMS_M, abs=0.5)


def test_the_second_of_a_pair_is_thrown_where_the_first_was() -> None:
    first = np.array([[True, False, True]])
    second = np.array([[False, True, False]])

    east_m, north_m = noise.throws(first, second, np.random.default_rng(SEED))

    assert east_m[0, 0] == east_m[0, 1] != east_m[0, 2]
    assert north_m[0, 0] == north_m[0, 1] != north_m[0, 2]


@pytest.mark.parametrize("scene", [scenes.AT_HOME, scenes.NEIGHBOUR, scenes.STREET, scenes.PASSING])
def test_whoever_keeps_the_rule_never_comes_nearer_than_5_metres(scene: scenes.Scene) -> None:
    at_s = scene.times_s(60).astype(np.float64)

    ways = scene.draw(at_s, 300, np.random.default_rng(SEED))
    beyond_m = scene.ground.beyond_m(ways.east_m, ways.north_m)

    nearest_m = -beyond_m.max(axis=1)
    assert nearest_m.min() >= scenes.EDGE_M[0] - 1e-6
    assert np.isinf(ways.from_s).all()


@pytest.mark.parametrize("scene", [scenes.LEAVING, scenes.ENTERING])
def test_a_breach_lasts_from_when_to_when_the_scene_says(scene: scenes.Scene) -> None:
    at_s = scene.times_s(15).astype(np.float64)

    ways = scene.draw(at_s, 300, np.random.default_rng(SEED))
    beyond_m = scene.ground.beyond_m(ways.east_m, ways.north_m)

    during = (at_s > ways.from_s[:, None]) & (at_s < ways.until_s[:, None])
    assert ((beyond_m > 0.0) == during).all()


@pytest.mark.parametrize(
    "scene", [scenes.AT_HOME, scenes.NEIGHBOUR, scenes.STREET, scenes.ENTERING]
)
def test_passing_over_quiet_blocks_changes_no_episode(scene: scenes.Scene) -> None:
    rng = np.random.default_rng(SEED)
    at_s = scene.times_s(60)
    ways = scene.draw(at_s.astype(np.float64), 12, rng)
    reports = noise.report(at_s, ways.east_m, ways.north_m, rng)
    telling, rules = telling_fixes(scene.ground, reports, GIVEN.parameters), scene.ground.rules()
    state = State.begin(at_s=int(at_s[0]) - 1, parameters=GIVEN.parameters)
    seen = 0

    for row in range(12):
        whole = judge(
            state,
            fixes_of(reports, row, slice(None)),
            rules,
            until_s=int(at_s[-1]),
            parameters=GIVEN.parameters,
        ).changes
        quick = folded(reports, row, telling[row], rules, GIVEN.parameters)

        spans = [(e.certainty, e.onset_s, e.ended_s, e.confirmed_at_s) for e in whole]
        assert [(e.certainty, e.onset_s, e.ended_s, e.confirmed_at_s) for e in quick] == spans
        seen += len(spans)

    assert seen > 0


def test_the_centre_point_rules_count_runs() -> None:
    at_s = np.arange(0, 480, 60)
    east_m = np.array([[0.0, 101.0, 0.0, 101.0, 102.0, 103.0, 0.0, 101.0]])
    still = np.zeros_like(east_m)
    reports = Reports(at_s=at_s, east_m=east_m, north_m=still, accuracy_m=still + 10.0)

    one = CENTRE_POINT.alarms(scenes.AT_HOME.ground, reports)
    two = TWO_FIXES.alarms(scenes.AT_HOME.ground, reports)

    assert [(a.onset_s, a.ended_s, a.confirmed_s) for a in one[0]] == [
        (60.0, 120.0, 60.0),
        (180.0, 360.0, 180.0),
        (420.0, NEVER, 420.0),
    ]
    assert [(a.onset_s, a.ended_s, a.confirmed_s) for a in two[0]] == [(180.0, 360.0, 240.0)]


def test_what_is_raised_about_the_innocent_is_counted_once_by_its_certainty() -> None:
    score = Quiet()

    score.count([])
    score.count(
        [
            alarm(confirmed_s=60.0, possible_s=30.0),
            alarm(confirmed_s=60.0, crossing=True),
            alarm(possible_s=240.0),
            alarm(ended_s=60.0),
        ]
    )

    assert score == Quiet(people=2, confirmed=2, crossed=1, possible=1, sightings=1)


def test_leaving_is_missed_unless_an_alarm_outlives_the_exit() -> None:
    score = Left()

    score.count([], 100.0)
    score.count([alarm(possible_s=150.0)], 100.0)
    score.count([alarm(ended_s=90.0, confirmed_s=60.0)], 100.0)
    score.count([alarm(ended_s=90.0, confirmed_s=60.0), alarm(confirmed_s=220.0)], 100.0)
    score.count([alarm(confirmed_s=80.0)], 100.0)

    assert (score.missed, score.delays_s) == (3, [120.0, 0.0])
    assert (score.delay_s(0.5), score.delay_s(0.95)) == (0.0, 120.0)
    assert math.isnan(Left().delay_s(0.95))


def test_an_entry_of_a_minute_is_seen_by_an_alarm_that_touches_it() -> None:
    score = Entered()

    score.count([], 100.0, 159.0)
    score.count([], 100.0, 200.0)
    score.count([alarm(50.0, ended_s=90.0, confirmed_s=60.0)], 100.0, 200.0)
    score.count([alarm(150.0, ended_s=210.0)], 100.0, 200.0)
    score.count([alarm(150.0, possible_s=390.0)], 100.0, 200.0)
    score.count([alarm(150.0, confirmed_s=180.0)], 100.0, 200.0)

    assert score == Entered(people=5, seen=3, reported=2, confirmed=1)


def test_every_batch_of_people_is_another_draw_and_none_is_left_out() -> None:
    found = list(batches(1000))

    assert len(found) == len(set(found))
    at_home = [batch.people for batch in found if (batch.scene, batch.every_s) == (0, 60)]
    assert at_home == [100, 100, 50]


def test_the_same_seed_gives_the_same_scores() -> None:
    once, again, other = (measure(12, seed, 1) for seed in (SEED, SEED, SEED + 1))

    assert once == again
    assert once != other
    assert all(len(cards) == len(METHODS) for cards in once.values())
