"""All that judgement remembers of one person between two folds, and its compact bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from geofence.episode import Certainty, Ending, Episode, Evidence, Opening, Role
from geofence.instant import Anchor
from geofence.parameters import Parameters
from geofence.position import (
    Candidate,
    Passed,
    Position,
    Proof,
    Run,
    Track,
    Violating,
)
from geofence.rule import Perimeter, RuleKind

_FORMAT: Final = 2
_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_Value = TypeVar("_Value")


class StateMismatch(ValueError):  # noqa: N818 - a name that says what to do about it: refold
    """A state that was judged by another engine or other numbers: refold it from the facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The fold up to and including `until_s`. Equal states judge all that follows alike.

    `last` is the last plausible instant, `earlier` the one before it.
    """

    until_s: int
    fingerprint: str
    next_ordinal: int = 0
    last: Anchor | None = None
    earlier: Anchor | None = None
    suspect: Anchor | None = None
    tracks: tuple[Track, ...] = ()

    @classmethod
    def begin(cls, *, at_s: int, parameters: Parameters, next_ordinal: int = 0) -> State:
        """The state of a person of whom nothing is known before or at `at_s`.

        `next_ordinal` is above those of what is settled already, and stays as it is.
        """
        return cls(until_s=at_s, fingerprint=parameters.fingerprint, next_ordinal=next_ordinal)

    def fixes(self) -> frozenset[bytes]:
        """The digests of the fixes that an episode names or may yet name, however old they are.

        Not those of the last instants: a way between two fixes counts for minutes only.
        """
        return frozenset(fix for track in self.tracks for fix in _fixes_of(track))

    def dumps(self) -> bytes:
        """JSON without spaces; equal states give equal bytes."""
        packed = [
            _FORMAT,
            self.fingerprint,
            self.until_s,
            self.next_ordinal,
            _optional(_pack_anchor, self.last),
            _optional(_pack_anchor, self.earlier),
            _optional(_pack_anchor, self.suspect),
            [_pack_track(track) for track in self.tracks],
        ]
        return _JSON.encode(packed).encode()

    @classmethod
    def loads(cls, data: bytes) -> State:
        """The state that gave these bytes. Raises StateMismatch for bytes of another format."""
        packed = json.loads(data)
        if packed[0] != _FORMAT:
            raise StateMismatch(f"state format {packed[0]!r} is not {_FORMAT}")
        _, fingerprint, until_s, next_ordinal, last, earlier, suspect, tracks = packed
        return cls(
            until_s=until_s,
            fingerprint=fingerprint,
            next_ordinal=next_ordinal,
            last=_optional(_unpack_anchor, last),
            earlier=_optional(_unpack_anchor, earlier),
            suspect=_optional(_unpack_anchor, suspect),
            tracks=tuple(_unpack_track(track) for track in tracks),
        )


def _fixes_of(track: Track) -> Iterator[bytes]:
    position = track.position
    remembered: tuple[Evidence | Anchor, ...]
    if isinstance(position, Candidate):
        remembered = (*position.run.evidence, position.last)
    elif isinstance(position, Passed):
        remembered = (*position.run.evidence, position.before, position.after)
    else:
        closing = () if position.closing is None else position.closing.evidence
        remembered = (*closing, position.last_hard)
    for episode in track.episodes:
        yield from (evidence.digest for evidence in episode.evidence)
    yield from (fix.digest for fix in remembered)


# Every pair below packs a value into a list for JSON and back.


def _optional(convert: Callable[[Any], _Value], value: object) -> _Value | None:
    return None if value is None else convert(value)


def _pack_anchor(anchor: Anchor) -> list[Any]:
    return [anchor.digest.hex(), *anchor[1:]]


def _unpack_anchor(packed: list[Any]) -> Anchor:
    return Anchor(bytes.fromhex(packed[0]), *packed[1:])


def _pack_evidence(evidence: Evidence) -> list[Any]:
    return [
        evidence.digest.hex(),
        evidence.at_s,
        evidence.distance_m,
        evidence.accuracy_m,
        evidence.role,
    ]


def _unpack_evidence(packed: list[Any]) -> Evidence:
    digest, at_s, distance_m, accuracy_m, role = packed
    return Evidence(
        digest=bytes.fromhex(digest),
        at_s=at_s,
        distance_m=distance_m,
        accuracy_m=accuracy_m,
        role=Role(role),
    )


def _pack_run(run: Run) -> list[Any]:
    counted = [[_pack_evidence(proof.evidence), proof.places] for proof in run.counted]
    return [run.start_s, run.jump, counted]


def _unpack_run(packed: list[Any]) -> Run:
    start_s, jump, counted = packed
    return Run(
        start_s=start_s,
        jump=jump,
        counted=tuple(
            Proof(_unpack_evidence(evidence), tuple((lat, lon) for lat, lon in places))
            for evidence, places in counted
        ),
    )


def _pack_position(position: Position) -> list[Any]:
    if isinstance(position, Candidate):
        return [
            "candidate",
            _pack_run(position.run),
            position.since_s,
            _pack_evidence(position.last),
        ]
    if isinstance(position, Passed):
        ends = [_pack_anchor(position.before), _pack_anchor(position.after)]
        return ["passed", _pack_run(position.run), ends, position.barred]
    closing = _optional(_pack_run, position.closing)
    return ["violating", _pack_evidence(position.last_hard), position.quiet, closing]


def _unpack_position(packed: list[Any]) -> Position:
    name, first, second, third = packed
    if name == "candidate":
        return Candidate(run=_unpack_run(first), since_s=second, last=_unpack_evidence(third))
    if name == "passed":
        before, after = map(_unpack_anchor, second)
        return Passed(run=_unpack_run(first), before=before, after=after, barred=third)
    return Violating(
        last_hard=_unpack_evidence(first), quiet=second, closing=_optional(_unpack_run, third)
    )


def _pack_track(track: Track) -> list[Any]:
    return [
        track.rule_id,
        track.perimeter,
        track.identity,
        _pack_position(track.position),
        [_pack_episode(episode) for episode in track.episodes],
    ]


def _unpack_track(packed: list[Any]) -> Track:
    rule_id, perimeter, identity, position, episodes = packed
    return Track(
        rule_id=rule_id,
        perimeter=Perimeter(perimeter),
        identity=identity,
        position=_unpack_position(position),
        episodes=tuple(_unpack_episode(episode) for episode in episodes),
    )


def _pack_episode(episode: Episode) -> list[Any]:
    return [
        episode.rule_id,
        episode.perimeter,
        episode.kind,
        episode.version,
        episode.ordinal,
        episode.certainty,
        episode.opened_by,
        episode.window_start_s,
        episode.onset_s,
        episode.since_possible_s,
        episode.jump,
        [_pack_evidence(evidence) for evidence in episode.evidence],
        episode.possible_at_s,
        episode.confirmed_at_s,
        episode.ended_s,
        episode.end,
        episode.unproven_since_s,
    ]


def _unpack_episode(packed: list[Any]) -> Episode:
    return Episode(
        rule_id=packed[0],
        perimeter=Perimeter(packed[1]),
        kind=RuleKind(packed[2]),
        version=packed[3],
        ordinal=packed[4],
        certainty=Certainty(packed[5]),
        opened_by=Opening(packed[6]),
        window_start_s=packed[7],
        onset_s=packed[8],
        since_possible_s=packed[9],
        jump=packed[10],
        evidence=tuple(_unpack_evidence(evidence) for evidence in packed[11]),
        possible_at_s=packed[12],
        confirmed_at_s=packed[13],
        ended_s=packed[14],
        end=_optional(Ending, packed[15]),
        unproven_since_s=packed[16],
    )
