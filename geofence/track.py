"""One perimeter of one rule, from evidence to episodes.

The position ignores the schedule. It is clear (no track at all) or

    clear      -- a suspicious instant -->          candidate
    candidate  -- a soft instant -->                clear       dropped
    candidate  -- enough hard instants -->          violating   confirmed
    violating  -- enough compliant instants -->     clear       ended at the first of them
    clear      -- a way through the zone -->        passed      until decided: see `passage`

An episode is the part of a violation that lies in one window of the schedule. A track holds
the episodes that later evidence may still change; the others are settled in the docket.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from geofence.episode import Certainty, Ending, Episode, Evidence, Opening
from geofence.parameters import Parameters
from geofence.passage import end_passage, judge_passage
from geofence.position import (
    Candidate,
    Docket,
    Passed,
    Position,
    Proof,
    Run,
    Sight,
    Track,
    Violating,
)
from geofence.rule import RuleKind
from geofence.watch import Watch


def judge_sight(track: Track | None, sight: Sight, watch: Watch, docket: Docket) -> Track | None:
    """The track after one instant; None if the position is clear."""
    if track is None:
        return _suspect(sight, sight.suspicion, watch, docket) if sight.suspicion else None
    if isinstance(track.position, Passed):
        return _judge_passed(track, track.position, sight, watch, docket)
    if isinstance(track.position, Candidate):
        return _judge_candidate(track, track.position, sight, watch, docket)
    if sight.breach:
        return _renew(track, track.position, sight.breach, watch, docket)
    return _consider_return(track, track.position, sight, docket)


def is_steady(track: Track, watch: Watch, at_s: int) -> bool:
    """Whether hard evidence at this second would only renew a breach that is proved and told."""
    position = track.position
    if not isinstance(position, Violating) or position.quiet or position.closing:
        return False
    told = any(episode.is_open for episode in track.episodes)
    return told or watch.window_start(at_s) is None


def start_window(track: Track, at_s: int, watch: Watch, docket: Docket) -> Track | None:
    """The track with an episode opened by the clock, or None if its evidence is too old."""
    position = track.position
    if isinstance(position, Passed):
        return track
    if isinstance(position, Candidate):
        evidence, sure = position.run.evidence or (position.last,), False
        last_s = position.last.at_s
    else:
        # While a return is under examination the clock accuses nobody.
        evidence, sure = (position.last_hard,), position.closing is None
        last_s = position.last_hard.at_s
    if at_s - last_s > docket.parameters.fresh_s:
        return None
    opening = _Opening(at_s, at_s, Opening.CLOCK, evidence)
    episode = _episode(position, opening, watch, docket)
    if sure:
        episode = replace(episode, certainty=Certainty.CONFIRMED, confirmed_at_s=at_s)
    return replace(track, episodes=(*track.episodes, episode))


def end_window(track: Track, at_s: int, end: Ending, docket: Docket) -> Track:
    """The track with its open episode ended, held back while a candidate is unresolved."""
    ended = replace(
        track,
        episodes=tuple(
            replace(episode, ended_s=at_s, end=end) if episode.is_open else episode
            for episode in track.episodes
        ),
    )
    resolved = isinstance(track.position, Violating) and track.position.closing is None
    return _settle_ended(ended, docket) if resolved else ended


def end_watch(track: Track, at_s: int, docket: Docket) -> None:
    """Settles all that is left when a rule ends or its zone is redrawn: no fix will tell more."""
    for episode in end_window(track, at_s, Ending.RULE, docket).episodes:
        if episode.certainty is not Certainty.HELD:
            docket.settled.append(episode)
        elif not isinstance(track.position, Violating):
            _keep_sighting(episode, docket)


def meet_deadlines(track: Track, at_s: int, docket: Docket) -> Track:
    """The track after its deadlines up to and at this second."""
    due_s = deadline_s(track, docket.parameters)
    if due_s is None or due_s > at_s:
        return track
    if not isinstance(track.position, Violating):
        return replace(
            track,
            episodes=tuple(
                replace(episode, certainty=Certainty.POSSIBLE, possible_at_s=at_s)
                if episode.certainty is Certainty.HELD
                else episode
                for episode in track.episodes
            ),
        )
    return _stamp_unproven(track, track.position.last_hard.at_s)


def deadline_s(track: Track, parameters: Parameters) -> int | None:
    """When time alone will change this track, as far as is known now."""
    position = track.position
    if not isinstance(position, Violating):
        held = any(episode.certainty is Certainty.HELD for episode in track.episodes)
        if not held or not position.run.counted:
            return None
        return max(position.run.start_s + parameters.possible_after_s, position.run.counted[0].at_s)
    if position.quiet >= parameters.unproven_instants and any(map(_is_unstamped, track.episodes)):
        return position.last_hard.at_s + parameters.unproven_after_s
    return None


def _judge_passed(
    track: Track, position: Passed, sight: Sight, watch: Watch, docket: Docket
) -> Track | None:
    """A phone that is seen inside has been more than past: that is examined instead."""
    if sight.suspicion:
        end_passage(track, docket)
        return _suspect(sight, sight.suspicion, watch, docket)
    return judge_passage(track, position, sight, watch, docket)


# Opening -------------------------------------------------------------------------------


def _suspect(sight: Sight, suspicion: Proof, watch: Watch, docket: Docket) -> Track:
    """A candidate opens."""
    judged_before = sight.previous_s is not None and watch.is_in_force(sight.previous_s)
    candidate = Candidate(
        run=Run(start_s=sight.at_s, jump=sight.jump),
        since_s=sight.previous_s if judged_before else None,
        last=suspicion.evidence,
    )
    track = Track(
        rule_id=watch.rule_id,
        perimeter=watch.perimeter,
        identity=watch.identity,
        position=candidate,
    )
    return _accuse(track, candidate, suspicion, watch, docket, hard=sight.breach is not None)


def _judge_candidate(
    track: Track, candidate: Candidate, sight: Sight, watch: Watch, docket: Docket
) -> Track | None:
    """One more instant while a candidate is examined."""
    if sight.suspicion:
        hard = sight.breach is not None
        return _accuse(track, candidate, sight.suspicion, watch, docket, hard=hard)
    if sight.denial:
        _drop(track, sight.at_s, docket)
        return None
    return track


def _accuse(
    track: Track, candidate: Candidate, proof: Proof, watch: Watch, docket: Docket, *, hard: bool
) -> Track:
    """One more suspicious instant against a candidate; it counts if it is hard."""
    run, suffices = candidate.run, False
    if hard:
        run, suffices = run.weigh(proof, proof.at_s, docket.parameters)
    candidate = replace(candidate, run=run, last=proof.evidence)
    track = _cover(replace(track, position=candidate), proof, watch, docket)
    return _confirm(track, run, proof, docket) if suffices else track


def _confirm(track: Track, run: Run, breach: Proof, docket: Docket) -> Track:
    confirmed = tuple(
        replace(
            run.prove(episode),
            certainty=Certainty.CONFIRMED,
            confirmed_at_s=breach.evidence.at_s,
        )
        for episode in track.episodes
    )
    position = Violating(last_hard=breach.evidence)
    return _settle_ended(replace(track, position=position, episodes=confirmed), docket)


def _drop(track: Track, at_s: int, docket: Docket) -> None:
    """A soft instant clears the person: what was reported is taken back."""
    for episode in track.episodes:
        ended = _cut(episode, at_s)
        if episode.kind is RuleKind.EXCLUSION and ended.onset_s < at_s:
            _keep_sighting(ended, docket)
        elif episode.certainty is Certainty.POSSIBLE:
            docket.settle(ended, Certainty.VOID)


def _keep_sighting(episode: Episode, docket: Docket) -> None:
    if episode.kind is RuleKind.EXCLUSION:
        docket.settle(episode, Certainty.SIGHTING)


# Going on and closing ------------------------------------------------------------------


def _renew(track: Track, position: Violating, breach: Proof, watch: Watch, docket: Docket) -> Track:
    """Hard evidence resumes: a return that was examined is dropped, a stamp taken off."""
    if position.closing:
        track = _refuse_return(track, breach.evidence.at_s, docket)
    episodes = track.episodes
    if any(episode.unproven_since_s is not None for episode in episodes):
        episodes = tuple(replace(episode, unproven_since_s=None) for episode in episodes)
    track = replace(track, position=Violating(last_hard=breach.evidence), episodes=episodes)
    return _cover(track, breach, watch, docket)


def _consider_return(
    track: Track, position: Violating, sight: Sight, docket: Docket
) -> Track | None:
    """The mirror of accusing: compliant instants end the violation, an opposed one drops that."""
    closing = position.closing
    if sight.compliance:
        closing = closing or Run(start_s=sight.at_s, jump=sight.jump)
        closing, suffices = closing.weigh(sight.compliance, sight.at_s, docket.parameters)
        if suffices:
            _close(track, closing, docket)
            return None
    elif closing and sight.opposition:
        track, closing = _refuse_return(track, sight.at_s, docket), None
    position = replace(position, quiet=position.quiet + 1, closing=closing)
    return replace(track, position=position)


def _refuse_return(track: Track, at_s: int, docket: Docket) -> Track:
    """The person had not returned: what was held back for that stands."""
    standing = tuple(
        replace(episode, certainty=Certainty.CONFIRMED, confirmed_at_s=at_s)
        if episode.certainty is Certainty.HELD
        else episode
        for episode in track.episodes
    )
    return _settle_ended(replace(track, episodes=standing), docket)


def _close(track: Track, closing: Run, docket: Docket) -> None:
    """The violation ended at the first compliant instant of the run."""
    for episode in track.episodes:
        ended = _cut(episode, closing.start_s)
        if ended.onset_s < closing.start_s:
            docket.settled.append(closing.prove(ended))
        elif episode.certainty is not Certainty.HELD:
            docket.settle(ended, Certainty.VOID)


def _stamp_unproven(track: Track, last_hard_s: int) -> Track:
    return replace(
        track,
        episodes=tuple(
            replace(episode, unproven_since_s=max(episode.onset_s, last_hard_s))
            if _is_unstamped(episode)
            else episode
            for episode in track.episodes
        ),
    )


# Episodes ------------------------------------------------------------------------------


def _cover(track: Track, breach: Proof, watch: Watch, docket: Docket) -> Track:
    """The track with an episode for the window that holds now, unless it has one."""
    at_s = breach.evidence.at_s
    if any(episode.is_open for episode in track.episodes):
        return track
    window_start_s = watch.window_start(at_s)
    if window_start_s is None:
        return track
    opening = _Opening(at_s, window_start_s, Opening.FIXES, (breach.evidence,))
    episode = _episode(track.position, opening, watch, docket)
    if isinstance(track.position, Violating):
        episode = replace(episode, certainty=Certainty.CONFIRMED, confirmed_at_s=at_s)
    return replace(track, episodes=(*track.episodes, episode))


class _Opening(NamedTuple):
    at_s: int
    window_start_s: int
    opened_by: Opening
    evidence: tuple[Evidence, ...]


def _episode(position: Position, opening: _Opening, watch: Watch, docket: Docket) -> Episode:
    """A held episode. It cannot have begun before its window, nor before the last fix without."""
    candidate = position if isinstance(position, Candidate) else None
    since_s = candidate.since_s if candidate else opening.window_start_s
    return Episode(
        rule_id=watch.rule_id,
        perimeter=watch.perimeter,
        kind=watch.kind,
        version=watch.version_at(opening.at_s),
        ordinal=docket.number(),
        certainty=Certainty.HELD,
        opened_by=opening.opened_by,
        window_start_s=opening.window_start_s,
        onset_s=opening.at_s,
        since_possible_s=None if since_s is None else max(since_s, opening.window_start_s),
        jump=candidate is not None and candidate.run.jump,
        evidence=opening.evidence,
    )


def _settle_ended(track: Track, docket: Docket) -> Track:
    docket.settled.extend(episode for episode in track.episodes if not episode.is_open)
    return replace(track, episodes=tuple(e for e in track.episodes if e.is_open))


def _cut(episode: Episode, at_s: int) -> Episode:
    """The episode ended by compliance, if its window did not end it before."""
    if episode.ended_s is not None and episode.ended_s <= at_s:
        return episode
    return replace(episode, ended_s=max(at_s, episode.onset_s), end=Ending.COMPLIANCE)


def _is_unstamped(episode: Episode) -> bool:
    confirmed = episode.certainty is Certainty.CONFIRMED
    return confirmed and episode.is_open and episode.unproven_since_s is None
