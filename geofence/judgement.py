"""The fold: facts in the order of their own time, and rules, give episodes.

Within one second the order is: windows end, windows start, fixes, deadlines. Nothing depends
on the order in which facts arrived, on how they were split over calls, or on duplicates. What
arrives for a time already judged is *late*: restore a state from before it and fold again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from geofence.episode import Certainty, Ending, Episode, Evidence, NoData, Role
from geofence.fix import Fix
from geofence.geodesy import most_m, separation_m
from geofence.instant import Anchor, Instant, Sighted, Trail
from geofence.parameters import Parameters
from geofence.passage import Way, end_passage, is_over, look_between
from geofence.position import Docket, Proof, Sight, Track
from geofence.rule import Perimeter, RuleKind
from geofence.state import State, StateMismatch
from geofence.survey import SLACK, Survey
from geofence.track import (
    deadline_s,
    end_watch,
    end_window,
    is_steady,
    judge_sight,
    meet_deadlines,
    start_window,
)
from geofence.watch import FOREVER, Boundary, PreparedRules, Turn, Watch

_SECOND: Final = attrgetter("at_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a fold found.

    `episodes`: all that were alive when it began or that it touched, taken-back ones left
    out: what re-judgement compares with the alerts. `changes`: those that are new or other
    than when it began, taken-back ones (`VOID`) included: what a live fix brings about.
    `implausible`: digests of fixes set aside for impossible speed.
    """

    state: State
    episodes: tuple[Episode, ...]
    changes: tuple[Episode, ...]
    no_data: tuple[NoData, ...]
    implausible: tuple[bytes, ...]


def judge(
    state: State,
    fixes: Iterable[Fix],
    rules: PreparedRules,
    *,
    until_s: int,
    parameters: Parameters,
) -> Judgement:
    """The judgement of all that happened in `state.until_s < t <= until_s`.

    Fixes outside that time, unusable fixes and duplicates are passed over. Raises
    StateMismatch if the state was judged by another engine or other numbers, ValueError if
    `until_s` lies before the state.
    """
    if state.fingerprint != parameters.fingerprint:
        raise StateMismatch("this state was judged by another engine or other parameters")
    if until_s < state.until_s:
        raise ValueError("judgement does not run backwards: restore an earlier state")
    trail = Trail(state.last, state.suspect, parameters)
    instants = trail.follow(fixes, state.until_s, until_s)
    fold = _Fold(state, rules, parameters, instants)
    fold.run(until_s)
    return fold.judgement(until_s, trail)


def next_due_s(state: State, rules: PreparedRules, *, parameters: Parameters) -> int | None:
    """The earliest second after the state at which time alone could change something."""
    due = [deadline_s(track, parameters) for track in state.tracks]
    due.append(rules.next_change(state.until_s))
    return min((at_s for at_s in due if at_s is not None), default=None)


class _Fold:
    """One fold at work: instants, the clock's boundaries and deadlines, merged by time."""

    def __init__(
        self,
        state: State,
        rules: PreparedRules,
        parameters: Parameters,
        instants: list[Instant],
    ) -> None:
        self._state = state
        self._rules = rules
        self._watches = rules.watches
        self._parameters = parameters
        self._docket = Docket(parameters=parameters, next_ordinal=state.next_ordinal)
        self._no_data: list[NoData] = []
        self._instants = instants
        self._survey = Survey(rules, instants, parameters)
        self._tracks = self._resumed()

    def run(self, until_s: int) -> None:
        instants, boundaries = self._instants, self._rules.boundaries(self._state.until_s, until_s)
        next_instant = next_boundary = 0
        while True:
            boundary_s = (
                boundaries[next_boundary].at_s if next_boundary < len(boundaries) else FOREVER
            )
            next_instant = self._pass_over(next_instant, boundary_s)
            instant_s = instants[next_instant].at_s if next_instant < len(instants) else FOREVER
            at_s = min(instant_s, boundary_s, self._deadline_s())
            if at_s > until_s:
                return
            while next_boundary < len(boundaries) and boundaries[next_boundary].at_s == at_s:
                self._turn(boundaries[next_boundary])
                next_boundary += 1
            if instant_s == at_s:
                self._judge(next_instant)
                next_instant += 1
            for index, track in self._tracks.items():
                self._tracks[index] = meet_deadlines(track, at_s, self._docket)

    def judgement(self, until_s: int, trail: Trail) -> Judgement:
        tracks = tuple(self._tracks[index] for index in sorted(self._tracks))
        alive = [episode for track in tracks for episode in track.episodes]
        reported = [e for e in (*self._docket.settled, *alive) if e.certainty is not Certainty.HELD]
        reported.sort(key=lambda episode: episode.ordinal)
        before = {e.ordinal: e for track in self._state.tracks for e in track.episodes}
        earlier = self._instants[-1].previous if self._instants else self._state.earlier
        return Judgement(
            state=State(
                until_s=until_s,
                fingerprint=self._state.fingerprint,
                next_ordinal=self._docket.next_ordinal,
                last=None if trail.last is None else Anchor.of(trail.last),
                earlier=None if earlier is None else Anchor.of(earlier),
                suspect=None if trail.suspect is None else Anchor.of(trail.suspect),
                tracks=tracks,
            ),
            episodes=tuple(e for e in reported if e.certainty is not Certainty.VOID),
            changes=tuple(e for e in reported if before.get(e.ordinal) != e),
            no_data=tuple(self._no_data),
            implausible=tuple(trail.implausible),
        )

    def _resumed(self) -> dict[int, Track]:
        """The state's tracks by their watch; one whose rule is gone ended with the state."""
        tracks = {}
        for track in self._state.tracks:
            index = self._watch_of(track)
            if index is None:
                end_watch(track, self._state.until_s, self._docket)
            else:
                tracks[index] = track
        return tracks

    def _watch_of(self, track: Track) -> int | None:
        """The watch in force that goes on with a track of the state."""
        for index, watch in enumerate(self._watches):
            same_edge = watch.rule_id == track.rule_id and watch.perimeter is track.perimeter
            if same_edge and watch.is_in_force(self._state.until_s):
                return index if watch.identity == track.identity else None
        return None

    def _deadline_s(self) -> int:
        if not self._tracks:
            return FOREVER
        due = (deadline_s(track, self._parameters) for track in self._tracks.values())
        return min((at_s for at_s in due if at_s is not None), default=FOREVER)

    # The clock ------------------------------------------------------------------------

    def _turn(self, boundary: Boundary) -> None:
        at_s, turn, index = boundary
        watch, track = self._watches[index], self._tracks.get(index)
        if turn is Turn.WINDOW_STARTS:
            self._start_window(index, at_s)
        elif track and turn is Turn.WINDOW_ENDS:
            end = Ending.RULE if at_s == watch.until_s else Ending.WINDOW
            self._tracks[index] = end_window(track, at_s, end, self._docket)
        elif track:
            end_watch(self._tracks.pop(index), at_s, self._docket)

    def _start_window(self, index: int, at_s: int) -> None:
        """The clock opens an episode on fresh hard evidence, or notes that nobody knows.

        An inclusion asks where the person is; an exclusion asks only of one last seen inside.
        """
        watch, track = self._watches[index], self._tracks.get(index)
        if track:
            opened = start_window(track, at_s, watch, self._docket)
            if opened:
                self._tracks[index] = opened
                return
        elif watch.kind is RuleKind.EXCLUSION or self._knows_place(at_s):
            return
        if watch.perimeter is Perimeter.ZONE:
            self._no_data.append(
                NoData(
                    rule_id=watch.rule_id,
                    version=watch.version_at(at_s),
                    at_s=at_s,
                    last_fix_s=self._last_fix_s(at_s),
                )
            )

    def _knows_place(self, at_s: int) -> bool:
        last_s = self._last_fix_s(at_s)
        return last_s is not None and at_s - last_s <= self._parameters.fresh_s

    def _last_fix_s(self, before_s: int) -> int | None:
        number = bisect_left(self._instants, before_s, key=_SECOND)
        last = self._instants[number - 1] if number else self._state.last
        return last.at_s if last else None

    # The fixes ------------------------------------------------------------------------

    def _pass_over(self, number: int, boundary_s: int) -> int:
        """The first instant from this one on that has to be judged.

        Where all positions are clear it is the next that concerns a watch. Where every track is
        steady it is the last of a run of hard instants: it says all that those before it do.
        """
        if not self._tracks:
            return self._survey.next_number(number)
        last = bisect_left(self._instants, boundary_s, key=_SECOND) - 1
        if number >= last or not self._is_steady(number) or not self._is_hard(number):
            return number
        while number < last and self._concerns_no_other(number) and self._is_hard(number + 1):
            number += 1
        return number

    def _is_steady(self, number: int) -> bool:
        at_s = self._instants[number].at_s
        return all(
            is_steady(track, self._watches[index], at_s) for index, track in self._tracks.items()
        )

    def _concerns_no_other(self, number: int) -> bool:
        return self._tracks.keys() >= set(self._survey.concerned(number))

    def _is_hard(self, number: int) -> bool:
        """Whether every fix of an instant is hard evidence for every track."""
        fixes, hard_factor = self._instants[number].fixes, self._parameters.hard_factor
        for index in self._tracks:
            watch = self._watches[index]
            distances_m = self._survey.distances_m(watch, number)
            for fix, distance_m in zip(fixes, distances_m, strict=True):
                if watch.beyond_m(distance_m) <= hard_factor * fix.accuracy_m:
                    return False
        return True

    def _judge(self, number: int) -> None:
        instant, parameters = self._instants[number], self._parameters
        concerned = self._survey.concerned(number)
        for index in sorted({*concerned, *self._tracks}) if self._tracks else concerned:
            watch, track = self._watches[index], self._tracks.get(index)
            if not watch.is_in_force(instant.at_s):
                continue
            if track and is_over(track, instant.at_s, parameters):
                end_passage(self._tracks.pop(index), self._docket)
                track = None
            distances_m = self._survey.distances_m(watch, number)
            after = track
            if track or _is_suspicious(watch, instant, distances_m, parameters):
                sight = _sight(watch, instant, distances_m, parameters)
                after = judge_sight(track, sight, watch, self._docket)
            elif way := self._way(watch, number):
                after = look_between(watch, way, self._docket, jump=instant.jump)
            if after:
                self._tracks[index] = after
            elif track:
                del self._tracks[index]

    def _way(self, watch: Watch, number: int) -> Way | None:
        """The way to an instant if both its ends are clear of a zone that it may lead through.

        It must at least lead to the edge; most do not, and that is cheap to know.
        """
        before, after = self._instants[number].previous, self._instants[number].anchor
        if before is None or not watch.may_be_crossed:
            return None
        if after.at_s - before.at_s > self._parameters.crossing_gap_s:
            return None
        most_apart_m = SLACK * most_m(before, after)
        after_m = self._survey.anchor_m(watch, number)
        if after_m <= after.accuracy_m or after_m > most_apart_m:
            return None
        before_m = self._distance_before_m(watch, number, before)
        if before_m <= before.accuracy_m or before_m + after_m > most_apart_m:
            return None
        apart_m = separation_m(before.latitude, before.longitude, after.latitude, after.longitude)
        if before_m + after_m > SLACK * apart_m:
            return None
        earlier = self._earlier(number)
        return Way(
            earlier=None if earlier is None else Anchor.of(earlier),
            before=Anchor.of(before),
            before_m=before_m,
            after=Anchor.of(after),
            after_m=after_m,
        )

    def _earlier(self, number: int) -> Sighted | None:
        """The anchor of the instant before the one before; the first ones' are in the state."""
        return self._instants[number - 1].previous if number else self._state.earlier

    def _distance_before_m(self, watch: Watch, number: int, before: Sighted) -> float:
        """Signed metres from the anchor of the instant before; the first one's is in the state."""
        if number:
            return self._survey.anchor_m(watch, number - 1)
        return watch.zone.distance_m(before.latitude, before.longitude)


def _is_suspicious(
    watch: Watch, instant: Instant, distances_m: list[float], parameters: Parameters
) -> bool:
    """Whether any fix of an instant is suspicious: a clear position stays clear without."""
    for fix, distance_m in zip(instant.fixes, distances_m, strict=True):
        if watch.beyond_m(distance_m) > parameters.suspect_factor * fix.accuracy_m:
            return True
    return False


def _sight(
    watch: Watch, instant: Instant, distances_m: list[float], parameters: Parameters
) -> Sight:
    """What an instant says about one perimeter. Every fix counts; they may contradict."""
    suspicious, hard, clear = [], [], []
    soft = against = False
    for fix, distance_m in zip(instant.fixes, distances_m, strict=True):
        beyond_m = watch.beyond_m(distance_m)
        if beyond_m > parameters.suspect_factor * fix.accuracy_m:
            suspicious.append((fix, distance_m))
        if beyond_m > parameters.hard_factor * fix.accuracy_m:
            hard.append((fix, distance_m))
        elif beyond_m < -fix.accuracy_m:
            clear.append((fix, distance_m))
        soft = soft or beyond_m <= 0.0
        against = against or beyond_m >= 0.0
    breach = _proof(hard, Role.OPENING) if hard and not soft else None
    suspicion = _proof(suspicious, Role.OPENING) if suspicious and not soft else None
    return Sight(
        instant=instant,
        suspicion=breach or suspicion,
        breach=breach,
        denial=soft and not suspicious,
        compliance=_proof(clear, Role.CLOSING) if clear and not against else None,
        opposition=against and not clear,
    )


def _proof(agreeing: list[tuple[Fix, float]], role: Role) -> Proof:
    fix, distance_m = min(agreeing, key=lambda item: item[0].accuracy_m)
    places = tuple((fix.latitude, fix.longitude) for fix, _ in agreeing)
    return Proof(_evidence(fix, distance_m, role), places)


def _evidence(fix: Sighted, distance_m: float, role: Role) -> Evidence:
    return Evidence(
        digest=fix.digest,
        at_s=fix.at_s,
        distance_m=distance_m,
        accuracy_m=fix.accuracy_m,
        role=role,
    )
