"""What is remembered of one perimeter while its position is not clear, and what decides it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from geofence.episode import Certainty, Episode, Evidence
from geofence.instant import Anchor, Instant
from geofence.parameters import Parameters
from geofence.rule import Perimeter

Coordinates: TypeAlias = tuple[float, float]


class Proof(NamedTuple):
    """The most telling fix of an instant, and where all that agree with it were."""

    evidence: Evidence
    places: tuple[Coordinates, ...]

    @property
    def at_s(self) -> int:
        """When it was."""
        return self.evidence.at_s


class Sight(NamedTuple):
    """One instant as one watch sees it: evidence for a breach, for a return, against either.

    `breach` is hard evidence; `suspicion` may be weaker and is all that it takes to examine.
    Suspicious and soft fixes in one instant are neither suspicion nor denial, compliant and
    opposed ones neither compliance nor opposition.
    """

    instant: Instant
    suspicion: Proof | None
    breach: Proof | None
    denial: bool
    compliance: Proof | None
    opposition: bool

    @property
    def at_s(self) -> int:
        """When it was."""
        return self.instant.at_s

    @property
    def jump(self) -> bool:
        """Whether the place was reached too fast."""
        return self.instant.jump

    @property
    def previous_s(self) -> int | None:
        """When the instant before was."""
        previous = self.instant.previous
        return None if previous is None else previous.at_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Evidence in one direction that does not suffice yet.

    Independent means `independent_after_s` later than the last counted, and coordinates unlike
    all counted. The deciding instant must be independent too and complete the span.
    """

    start_s: int
    jump: bool
    counted: tuple[Proof, ...] = ()

    def weigh(self, proof: Proof, at_s: int, parameters: Parameters) -> tuple[Run, bool]:
        """The run with this instant, and whether it now suffices."""
        known = {place for counted in self.counted for place in counted.places}
        if known.issuperset(proof.places):
            return self, False
        if self.counted and at_s - self.counted[-1].at_s < parameters.independent_after_s:
            return self, False
        needed = parameters.jump_instants if self.jump else parameters.confirming_instants
        span_s = parameters.jump_span_s if self.jump else 0
        deciding = len(self.counted) >= needed - 1
        if deciding and at_s - self.start_s < span_s:
            return self, False
        return replace(self, counted=(*self.counted, proof)), deciding

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The fixes that were counted."""
        return tuple(proof.evidence for proof in self.counted)

    def prove(self, episode: Episode) -> Episode:
        """The episode with all evidence, each fix once, in order of time."""
        by_digest = {evidence.digest: evidence for evidence in (*episode.evidence, *self.evidence)}
        ordered = sorted(by_digest.values(), key=lambda e: (e.at_s, e.digest))
        return replace(episode, evidence=tuple(ordered))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A breach under examination since `run.start_s`; `last` is the latest suspicious fix."""

    run: Run
    since_s: int | None
    last: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Violating:
    """A confirmed breach; `quiet` instants have passed since the last hard one."""

    last_hard: Evidence
    quiet: int = 0
    closing: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A way through the zone under examination, from `before` it to `after` it.

    `run` counts instants on the far side, `barred` those of them that nobody could have reached
    in time by a way round.
    """

    run: Run
    before: Anchor
    after: Anchor
    barred: int = 0


Position: TypeAlias = Candidate | Violating | Passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What is remembered of a watch whose position is not clear."""

    rule_id: str
    perimeter: Perimeter
    identity: str
    position: Position
    episodes: tuple[Episode, ...] = ()


@dataclass(slots=True)
class Docket:
    """What the tracks of one fold share: the numbers, the next ordinal, the settled episodes."""

    parameters: Parameters
    next_ordinal: int
    settled: list[Episode] = field(default_factory=list)

    def number(self) -> int:
        """An ordinal that no episode has."""
        self.next_ordinal += 1
        return self.next_ordinal - 1

    def settle(self, episode: Episode, certainty: Certainty) -> None:
        """Later evidence will not change this episode any more."""
        self.settled.append(replace(episode, certainty=certainty))
