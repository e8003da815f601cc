"""`python -m benchmarks.judgement`: two tables, the engine's rule beside simpler ones.

The same seed and size give the same tables, with any number of processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np

from benchmarks.judgement import noise, scenes
from benchmarks.judgement.methods import METHODS
from benchmarks.judgement.scores import Entered, Left, Quiet

CADENCES_S: Final = (60, 15)
_BATCH: Final = 100
_RESTING: Final = (scenes.AT_HOME, scenes.NEIGHBOUR, scenes.STREET)
_SCENES: Final = (*_RESTING, scenes.PASSING, scenes.LEAVING, scenes.ENTERING)
_DEEP_RADII: Final = 2.0


class Batch(NamedTuple):
    """People of one scene and cadence, drawn and judged together."""

    scene: int
    every_s: int
    number: int
    people: int


@dataclass(slots=True)
class Card:
    """The scores of one method in one scene at one cadence."""

    quiet: Quiet = field(default_factory=Quiet)
    left: Left = field(default_factory=Left)
    entered: Entered = field(default_factory=Entered)
    deep: Entered = field(default_factory=Entered)
    """Of those, who went inside by more than two of the phone's radii."""

    def add(self, other: Card) -> None:
        """Counts what another counted."""
        self.quiet.add(other.quiet)
        self.left.add(other.left)
        self.entered.add(other.entered)
        self.deep.add(other.deep)


def batches(person_days: int) -> Iterator[Batch]:
    """A quarter of the person-days for each of home and neighbour and each cadence.

    The street gets a quarter of such a quarter, the trips as many people as a quarter has days.
    """
    quarter = max(1, person_days // 4)
    for index, scene in enumerate(_SCENES):
        people = max(1, quarter // 4) if scene is scenes.STREET else quarter
        for every_s in CADENCES_S:
            for number, first in enumerate(range(0, people, _BATCH)):
                yield Batch(index, every_s, number, min(_BATCH, people - first))


def measured(batch: Batch, seed: int) -> list[Card]:
    """The card of each method for one batch."""
    rng = np.random.default_rng([seed, batch.scene, batch.every_s, batch.number])
    scene = _SCENES[batch.scene]
    at_s = scene.times_s(batch.every_s)
    ways = scene.draw(at_s.astype(np.float64), batch.people, rng)
    reports = noise.report(at_s, ways.east_m, ways.north_m, rng)
    deepest_m = scene.ground.beyond_m(ways.east_m, ways.north_m).max(axis=1)
    deep = deepest_m > _DEEP_RADII * np.median(reports.accuracy_m, axis=1)
    cards = []
    for method in METHODS:
        card = Card()
        for row, alarms in enumerate(method.alarms(scene.ground, reports)):
            from_s, until_s = float(ways.from_s[row]), float(ways.until_s[row])
            if scene is scenes.LEAVING:
                card.left.count(alarms, from_s)
            elif scene is scenes.ENTERING:
                card.entered.count(alarms, from_s, until_s)
                if deep[row]:
                    card.deep.count(alarms, from_s, until_s)
            else:
                card.quiet.count(alarms)
        cards.append(card)
    return cards


Cards = dict[tuple[str, int], list[Card]]


def measure(person_days: int, seed: int, processes: int) -> Cards:
    """The cards of all methods by scene and cadence."""
    cards: Cards = {}
    work = list(batches(person_days))
    with ExitStack() as stack:
        spread = stack.enter_context(ProcessPoolExecutor(processes)).map if processes > 1 else map
        for batch, found in zip(work, spread(measured, work, repeat(seed)), strict=True):
            key = (_SCENES[batch.scene].name, batch.every_s)
            totals = cards.setdefault(key, [Card() for _ in METHODS])
            for total, card in zip(totals, found, strict=True):
                total.add(card)
    return cards


def false_table(cards: Cards) -> Iterator[str]:
    """What is raised about people who broke nothing."""
    yield (
        "| rule | fix every | at home: false confirmed | false possible "
        "| neighbour: false confirmed | false possible | sightings "
        "| street: false confirmed | of them crossings | passing by: false confirmed of 1,000 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for every_s in CADENCES_S:
        for number, method in enumerate(METHODS):
            home, near, street, passing = (
                cards[scene.name, every_s][number].quiet for scene in (*_RESTING, scenes.PASSING)
            )
            yield (
                f"| {method.name} | {every_s} s | {_each(home.confirmed, home)} "
                f"| {_each(home.possible, home)} | {_each(near.confirmed, near)} "
                f"| {_each(near.possible, near)} | {_each(near.sightings, near)} "
                f"| {_each(street.confirmed, street)} | {_each(street.crossed, street)} "
                f"| {1000 * passing.confirmed / passing.people:.1f} |"
            )


def true_table(cards: Cards) -> Iterator[str]:
    """What is made of people who did break a rule."""
    yield (
        "| rule | fix every | leaving missed | median delay | p95 delay "
        "| entries >= 1 min seen | reported | confirmed | deep entries seen | confirmed |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for every_s in CADENCES_S:
        for number, method in enumerate(METHODS):
            left = cards[scenes.LEAVING.name, every_s][number].left
            card = cards[scenes.ENTERING.name, every_s][number]
            entered, deep = card.entered, card.deep
            yield (
                f"| {method.name} | {every_s} s "
                f"| {_percent(left.missed, left.missed + len(left.delays_s))} "
                f"| {left.delay_s(0.5):.0f} s | {left.delay_s(0.95):.0f} s "
                f"| {_percent(entered.seen, entered.people)} "
                f"| {_percent(entered.reported, entered.people)} "
                f"| {_percent(entered.confirmed, entered.people)} "
                f"| {_percent(deep.seen, deep.people)} "
                f"| {_percent(deep.confirmed, deep.people)} |"
            )


def _each(count: int, quiet: Quiet) -> str:
    return f"{count / quiet.people:.4f}"


def _percent(count: int, people: int) -> str:
    return f"{100 * count / people:.2f} %" if people else "none"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement", description=__doc__)
    parser.add_argument(
        "--person-days", type=int, default=10_000, help="at home and as a neighbour together"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    started = time.perf_counter()
    cards = measure(asked.person_days, asked.seed, asked.processes)
    print(*false_table(cards), "", *true_table(cards), sep="\n")
    took_s = time.perf_counter() - started
    print(f"\n{asked.person_days:,} person-days, seed {asked.seed}, {took_s:.0f} s")


if __name__ == "__main__":
    main()
