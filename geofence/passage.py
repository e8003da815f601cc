"""A way through a zone, from the first fix beyond it to a verdict.

One fix beyond a zone proves no more than one fix inside it. The way is held until as many
independent instants as confirm any breach show the phone on the far side, where the straight way
from the fix before still leads through the zone. Then it is

    confirmed   if enough of them left no time for a way round
    possible    if there was time

It is only sighted if a fix shows the phone on the near side again. What nothing decides becomes
possible by the clock, as a candidate does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from geofence.crossing import Crossing
from geofence.episode import Certainty, Ending, Episode, Evidence, Opening, Role
from geofence.instant import Anchor, Sighted
from geofence.parameters import Parameters
from geofence.position import Docket, Passed, Proof, Run, Sight, Track
from geofence.watch import Watch


class Way(NamedTuple):
    """From one fix to the next, both clear of a zone by so many metres.

    `earlier` is the fix before both, None if there never was one.
    """

    earlier: Anchor | None
    before: Anchor
    before_m: float
    after: Anchor
    after_m: float


def look_between(watch: Watch, way: Way, docket: Docket, *, jump: bool) -> Track | None:
    """A passage to examine, if the way led through the zone while it was in force."""
    before, after = way.before, way.after
    window_start_s = watch.window_start(after.at_s)
    if window_start_s is None or window_start_s > before.at_s:
        return None
    crossing = watch.obstacle.crossing(before, after, docket.parameters)
    if crossing is Crossing.NONE:
        return None
    # A fix that lay wrong beyond the zone must not make a crossing of the way back from it.
    if way.earlier and watch.obstacle.is_between(way.earlier, before):
        return None
    first = _evidence(after, way.after_m, Role.AFTER)
    episode = Episode(
        rule_id=watch.rule_id,
        perimeter=watch.perimeter,
        kind=watch.kind,
        version=watch.version_at(before.at_s),
        ordinal=docket.number(),
        certainty=Certainty.HELD,
        opened_by=Opening.CROSSING,
        window_start_s=window_start_s,
        onset_s=before.at_s,
        since_possible_s=before.at_s,
        jump=jump,
        evidence=(_evidence(before, way.before_m, Role.BEFORE), first),
        ended_s=after.at_s,
        end=Ending.CROSSED,
    )
    passed = Passed(run=Run(start_s=after.at_s, jump=jump), before=before, after=after)
    track = Track(
        rule_id=watch.rule_id,
        perimeter=watch.perimeter,
        identity=watch.identity,
        position=passed,
        episodes=(episode,),
    )
    proof = Proof(first, ((after.latitude, after.longitude),))
    return _count(track, passed, proof, crossing, docket)


def judge_passage(
    track: Track, passed: Passed, sight: Sight, watch: Watch, docket: Docket
) -> Track | None:
    """The track after one more instant without hard evidence; None once it is decided."""
    here, proof = sight.instant.anchor, sight.compliance
    if proof and proof.evidence.digest == here.digest:
        crossing = watch.obstacle.crossing(passed.before, here, docket.parameters)
        if crossing is not Crossing.NONE:
            proof = proof._replace(evidence=replace(proof.evidence, role=Role.AFTER))
            return _count(track, passed, proof, crossing, docket)
    if sight.denial and _is_back(passed, here, watch):
        _settle(track, Certainty.SIGHTING, docket)
        return None
    return track


def is_over(track: Track, at_s: int, parameters: Parameters) -> bool:
    """Whether an instant comes too late to tell more of a passage."""
    passed = track.position
    return isinstance(passed, Passed) and at_s - passed.run.start_s > parameters.crossing_gap_s


def end_passage(track: Track, docket: Docket) -> None:
    """Settles an undecided passage as it stands: what was not reported is kept as a sighting."""
    (episode,) = track.episodes
    held = episode.certainty is Certainty.HELD
    _settle(track, Certainty.SIGHTING if held else episode.certainty, docket)


def _count(
    track: Track, passed: Passed, proof: Proof, crossing: Crossing, docket: Docket
) -> Track | None:
    """One more instant on the far side."""
    at_s, parameters = proof.evidence.at_s, docket.parameters
    run, suffices = passed.run.weigh(proof, at_s, parameters)
    barred = passed.barred
    if run is not passed.run and crossing is Crossing.CONFIRMED:
        barred += 1
    (episode,) = track.episodes
    track = replace(
        track,
        position=replace(passed, run=run, barred=barred),
        episodes=(run.prove(episode),),
    )
    if not suffices:
        return track
    sure = barred >= parameters.confirming_instants
    _settle(track, Certainty.CONFIRMED if sure else Certainty.POSSIBLE, docket, at_s)
    return None


def _settle(
    track: Track, certainty: Certainty, docket: Docket, decided_s: int | None = None
) -> None:
    """Ends the examination; `decided_s` is when far-side evidence sufficed, if it did."""
    (episode,) = track.episodes
    if certainty is Certainty.CONFIRMED:
        episode = replace(episode, confirmed_at_s=decided_s)
    elif certainty is Certainty.POSSIBLE and episode.possible_at_s is None:
        episode = replace(episode, possible_at_s=decided_s)
    docket.settle(episode, certainty)


def _is_back(passed: Passed, here: Sighted, watch: Watch) -> bool:
    """Whether a fix shows the near side: in plain sight of the fix before, not of the one beyond."""
    obstacle = watch.obstacle
    return obstacle.is_between(passed.after, here) and not obstacle.is_between(passed.before, here)


def _evidence(place: Anchor, distance_m: float, role: Role) -> Evidence:
    return Evidence(
        digest=place.digest,
        at_s=place.at_s,
        distance_m=distance_m,
        accuracy_m=place.accuracy_m,
        role=role,
    )
