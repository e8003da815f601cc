"""Whatever order, doubling, splitting and lateness: equal facts give equal episodes."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from geofence import (
    Area,
    Certainty,
    Circle,
    Corridor,
    Episode,
    Fix,
    Judgement,
    NoData,
    PreparedRules,
    Rule,
    RuleKind,
    Schedule,
    State,
    Suspension,
    WeeklyWindow,
    judge,
    next_due_s,
)
from tests.geofence.scenes import HOME, PARAMETERS, fix_at, place

# Friday noon before the night in which Zagreb's clocks go back (2026-10-25).
START_S = int(datetime(2026, 10, 23, 12, tzinfo=UTC).timestamp())
DAYS = 4
END_S = START_S + DAYS * 86_400

_SHORT_NIGHTS = Schedule(
    timezone="Europe/Zagreb",
    weekly=tuple(WeeklyWindow(weekday=day, start=time(20), end=time(2, 30)) for day in range(7)),
)
_HOURLY = Schedule(
    timezone="Europe/Zagreb",
    weekly=tuple(
        WeeklyWindow(weekday=day, start=time(hour), end=time(hour, 40))
        for day in range(7)
        for hour in range(0, 24, 6)
    ),
)


def _square(east_m: float, half_m: float) -> Area:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = tuple(place(east_m + x * half_m, y * half_m)[::-1] for x, y in corners)
    return Area(polygons=((ring,),))


_PARK = _square(600.0, 150.0)
_STREET = Corridor(line=(place(270.0, -20_000.0)[::-1], place(270.0, 20_000.0)[::-1]), width_m=12.0)
_REDRAWN = Circle(latitude=HOME.latitude, longitude=HOME.longitude, radius_m=180.0)


@dataclass(frozen=True)
class History:
    """One person's facts over some days."""

    fixes: list[Fix]
    rules: list[Rule]
    suspensions: list[Suspension]

    def prepared(self) -> PreparedRules:
        """The rules as a process prepares them that has seen nothing of this person yet."""
        return PreparedRules(self.rules, self.suspensions)


@st.composite
def _bursts(draw: st.DrawFn) -> list[Fix]:
    """Fixes in bursts: at a window's edge or anywhere, dense or sparse, honest or not."""
    fixes = []
    for seq in range(draw(st.integers(1, 6))):
        hour = draw(st.integers(0, DAYS * 4 - 1)) * 6
        at_s = START_S + hour * 3600 + draw(st.sampled_from([-290, -30, 0, 7, 1800, 2390]))
        east_m = draw(st.sampled_from([0.0, 95.0, 105.0, 140.0, 420.0, 600.0, 800.0]))
        for _ in range(draw(st.integers(1, 9))):
            fixes.append(
                fix_at(
                    at_s,
                    east_m,
                    north_m=draw(st.sampled_from([None, None, 0.0])),
                    accuracy_m=draw(st.sampled_from([5.0, 12.0, 40.0])),
                    seq=seq,
                    activation=draw(st.sampled_from(["a", "b"])),
                    usable=draw(st.integers(0, 9)) > 0,
                )
            )
            at_s += draw(st.sampled_from([0, 1, 15, 60, 60, 120, 240, 900]))
            east_m += draw(st.sampled_from([-200.0, -90.0, -1.0, 0.5, 1.0, 90.0, 200.0, 90_000.0]))
            east_m = east_m if abs(east_m) < 100_000 else 0.0
    return fixes


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Fixes with a curfew that is redrawn or rescheduled, an exclusion, absences."""
    change_s = draw(st.integers(START_S, END_S))
    zone = draw(st.sampled_from([HOME, _REDRAWN]))
    schedule = draw(st.sampled_from([_SHORT_NIGHTS, _HOURLY]))
    common = {"id": "curfew", "kind": RuleKind.INCLUSION}
    rules = [
        Rule(
            **common,  # type: ignore[arg-type]  # a test's own keywords
            version=1,
            zone=HOME,
            schedule=_HOURLY,
            valid_from_s=START_S - 86_400,
            valid_until_s=change_s,
        ),
        Rule(
            **common,  # type: ignore[arg-type]  # a test's own keywords
            version=2,
            zone=zone,
            schedule=schedule,
            valid_from_s=change_s,
        ),
        Rule(
            id="park",
            version=1,
            kind=RuleKind.EXCLUSION,
            zone=_PARK,
            schedule=draw(st.sampled_from([None, _HOURLY])),
            buffer_m=draw(st.sampled_from([None, 100.0])),
            valid_from_s=START_S - 86_400,
            valid_until_s=draw(st.sampled_from([None, END_S - 90_000])),
        ),
        Rule(
            id="street",
            version=1,
            kind=RuleKind.EXCLUSION,
            zone=_STREET,
            valid_from_s=START_S - 86_400,
            valid_until_s=draw(st.sampled_from([None, change_s])),
        ),
    ]
    absent_s = draw(st.integers(START_S, END_S))
    suspensions = [Suspension(from_s=absent_s, until_s=absent_s + draw(st.integers(1, 20_000)))]
    return History(draw(_bursts()), rules, suspensions)


def _judge(rules: PreparedRules, fixes: list[Fix], state: State, until_s: int = END_S) -> Judgement:
    return judge(state, fixes, rules, until_s=until_s, parameters=PARAMETERS)


def _begin() -> State:
    return State.begin(at_s=START_S - 1000, parameters=PARAMETERS)


@dataclass
class Record:
    """What a caller keeps of many folds."""

    state: State
    episodes: dict[int, Episode]
    no_data: list[NoData]
    implausible: list[bytes]

    def add(self, judgement: Judgement) -> None:
        """Takes in one fold, its state by way of its bytes."""
        self.state = State.loads(judgement.state.dumps())
        self.episodes |= {episode.ordinal: episode for episode in judgement.changes}
        self.no_data += judgement.no_data
        self.implausible += judgement.implausible


def _recorded(history: History, cuts_s: list[int]) -> Record:
    record = Record(_begin(), {}, [], [])
    rules = history.prepared()
    for until_s in [*cuts_s, END_S]:
        record.add(_judge(rules, history.fixes, record.state, until_s))
    return record


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_order_and_doubles_change_nothing(history: History, data: st.DataObject) -> None:
    whole = _judge(history.prepared(), history.fixes, _begin())
    doubled = history.fixes + data.draw(st.lists(st.sampled_from(history.fixes), max_size=9))
    shuffled = data.draw(st.permutations(doubled))

    again = _judge(history.prepared(), shuffled, _begin())

    assert again == whole


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_splitting_anywhere_changes_nothing(history: History, data: st.DataObject) -> None:
    whole = _recorded(history, [])
    cuts_s = data.draw(st.lists(st.integers(START_S, END_S), max_size=12).map(sorted))

    split = _recorded(history, cuts_s)

    assert split == whole


@settings(max_examples=40, deadline=None)
@given(history=histories())
def test_resuming_at_every_fix_changes_nothing(history: History) -> None:
    whole = _recorded(history, [])

    split = _recorded(history, sorted({fix.at_s for fix in history.fixes if fix.at_s >= START_S}))

    assert split == whole


@settings(max_examples=40, deadline=None)
@given(history=histories(), data=st.data())
def test_late_facts_refolded_from_a_checkpoint_end_alike(
    history: History, data: st.DataObject
) -> None:
    arrivals = data.draw(st.permutations(history.fixes))
    checkpoints = [_begin()]
    known: list[Fix] = []
    rules = history.prepared()

    for fix in arrivals:
        known.append(fix)
        earlier = bisect_left([state.until_s for state in checkpoints], fix.at_s)
        until_s = max(fix.at_s, checkpoints[-1].until_s)
        del checkpoints[earlier:]
        checkpoints.append(_judge(rules, known, checkpoints[-1], until_s).state)
    arrived = _judge(rules, known, checkpoints[-1])

    assert arrived.state == _judge(history.prepared(), history.fixes, _begin()).state


@settings(max_examples=50, deadline=None)
@given(history=histories(), at_s=st.integers(START_S, END_S))
def test_before_the_next_due_second_the_clock_changes_nothing(history: History, at_s: int) -> None:
    rules = history.prepared()
    state = _judge(rules, history.fixes, _begin(), at_s).state
    due_s = next_due_s(state, rules, parameters=PARAMETERS)
    assert due_s is not None
    assert due_s > at_s

    idle = judge(state, [], rules, until_s=due_s - 1, parameters=PARAMETERS)

    assert idle.changes == ()
    assert idle.no_data == ()
    assert idle.state.tracks == state.tracks


@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_every_episode_keeps_the_definitions(history: History) -> None:
    judgement = _judge(history.prepared(), history.fixes, _begin())

    for episode in judgement.changes:
        assert episode.window_start_s <= episode.onset_s
        assert episode.evidence
        if episode.since_possible_s is not None:
            assert episode.window_start_s <= episode.since_possible_s <= episode.onset_s
        if episode.ended_s is not None:
            assert episode.end is not None
            empty = episode.ended_s == episode.onset_s
            assert not empty or episode.certainty is Certainty.VOID
            assert episode.ended_s >= episode.onset_s
        assert (episode.confirmed_at_s is not None) == (
            episode.certainty is Certainty.CONFIRMED
        ) or episode.certainty is Certainty.VOID
        assert episode.certainty is not Certainty.HELD
        if episode.certainty is Certainty.SIGHTING:
            assert episode.kind is RuleKind.EXCLUSION


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_confirmed_episodes_of_one_perimeter_never_overlap(history: History) -> None:
    judgement = _judge(history.prepared(), history.fixes, _begin())

    by_edge: dict[object, list[tuple[int, int]]] = {}
    for episode in judgement.episodes:
        ended_s = END_S + 1 if episode.ended_s is None else episode.ended_s
        by_edge.setdefault((episode.rule_id, episode.perimeter), []).append(
            (episode.onset_s, ended_s)
        )
    for found in by_edge.values():
        for (_, ended_s), (onset_s, _) in pairwise(sorted(found)):
            assert ended_s <= onset_s


@settings(max_examples=60, deadline=None)
@given(history=histories(), cut=st.integers(0, DAYS * 96))
def test_what_an_episode_names_of_long_ago_its_state_remembered(history: History, cut: int) -> None:
    rules, cut_s = history.prepared(), START_S + cut * 900
    begun = State.begin(at_s=START_S - 1, parameters=PARAMETERS)
    before = judge(begun, history.fixes, rules, until_s=cut_s, parameters=PARAMETERS)

    after = judge(before.state, history.fixes, rules, until_s=END_S, parameters=PARAMETERS)

    long_ago_s = cut_s - PARAMETERS.crossing_gap_s
    named = {
        evidence.digest
        for episode in after.changes
        for evidence in episode.evidence
        if evidence.at_s < long_ago_s
    }
    assert named <= before.state.fixes()
