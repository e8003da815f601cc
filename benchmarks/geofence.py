"""How fast the engine judges: `python -m benchmarks.geofence` prints one table.

Every line tells the CPU time of one operation, how many raw ES256 verifications, measured in the
same run, take as long, and whether its aim is met; beside the look-ups stand a plain loop over
`shapely.contains`, geopy, and PostGIS where it is installed.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import time as wall_time
from pathlib import Path
from typing import Final

import shapely
from geopy.distance import geodesic

from benchmarks import postgis, raw
from geofence import (
    Area,
    Circle,
    Fix,
    Parameters,
    PreparedRules,
    PreparedZone,
    Rule,
    RuleKind,
    Schedule,
    State,
    WeeklyWindow,
    Zone,
    ZoneIndex,
    judge,
    next_due_s,
)

NOON_S: Final = 1_780_000_000
PARAMETERS: Final = Parameters()
LATITUDE, LONGITUDE = 45.0, 14.0
METRES_PER_DEGREE: Final = 111_000.0
PLACES: Final = 10_000
MEMORY_PEOPLE: Final = 1_000
GEOPY_TIMES: Final = 500
MEMORY_BYTES: Final = 50_000


def best_s(work: Callable[[], object], *, for_s: float = 0.3, rounds: int = 5) -> float:
    """CPU seconds of one call: the best of several rounds that together last about `for_s`."""
    work()
    started = time.process_time()
    work()
    once_s = max(time.process_time() - started, 1e-7)
    calls = max(1, int(for_s / rounds / once_s))
    found = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(calls):
            work()
        found.append((time.process_time() - started) / calls)
    return min(found)


class Table:
    """Prints one line per measurement, and remembers which aims were missed."""

    def __init__(self, unit_us: float) -> None:
        self._unit_us = unit_us
        self.missed: list[str] = []
        print(f"one raw ES256 verification: {unit_us:.1f} µs")
        print(f"{'':58}{'µs':>10}{'ES256':>9}{'points/s':>12}")

    def line(
        self,
        what: str,
        each_s: float,
        *,
        points: int = 1,
        most_us: float = math.inf,
        most_units: float = math.inf,
    ) -> None:
        """Print what one operation on so many points costs, and whether that is within its aim."""
        each_us = each_s * 1e6
        units = each_us / self._unit_us / points
        aim = ""
        if most_us < math.inf:
            aim = self.judged(what, f"{most_us:,.0f} µs", each_us <= most_us)
        if most_units < math.inf:
            aim = self.judged(what, f"{most_units} ES256 a point", units <= most_units)
        print(f"{what:58}{each_us:10.1f}{units:9.4f}{points / each_s:12,.0f}{aim}")

    def judged(self, what: str, aim: str, met: bool) -> str:
        """Return the words for an aim and what became of it."""
        if not met:
            self.missed.append(what)
        return f"  aim {aim}: {'met' if met else 'MISSED'}"


def star(latitude: float, longitude: float, radius_m: float, vertices: int) -> Area:
    """A ring of many corners that never crosses itself."""
    shrink = math.cos(math.radians(latitude))
    ring = []
    for number in range(vertices):
        angle = 2.0 * math.pi * number / vertices
        reach = radius_m * (1.0 + 0.1 * (number % 2)) / METRES_PER_DEGREE
        ring.append(
            (longitude + reach * math.cos(angle) / shrink, latitude + reach * math.sin(angle))
        )
    return Area(polygons=(((*ring, ring[0]),),))


def spread(count: int, vertices: int, chance: random.Random) -> Iterator[Zone]:
    """Zones of 100 to 500 metres over one degree; without vertices they are circles."""
    for _ in range(count):
        latitude = LATITUDE + chance.uniform(-0.5, 0.5)
        longitude = LONGITUDE + chance.uniform(-0.5, 0.5)
        radius_m = chance.uniform(100.0, 500.0)
        if vertices:
            yield star(latitude, longitude, radius_m, vertices)
        else:
            yield Circle(latitude=latitude, longitude=longitude, radius_m=radius_m)


def places(chance: random.Random) -> tuple[list[float], list[float]]:
    """Latitudes and longitudes over the same degree."""
    return (
        [LATITUDE + chance.uniform(-0.5, 0.5) for _ in range(PLACES)],
        [LONGITUDE + chance.uniform(-0.5, 0.5) for _ in range(PLACES)],
    )


def look_ups(table: Table, chance: random.Random) -> None:
    """One place, and batches, against more and more zones."""
    for vertices, most in ((0, 10_000), (50, 10_000), (5000, 1_000)):
        shape = f"polygons of {vertices}" if vertices else "circles"
        zones = [PreparedZone(zone) for zone in spread(most, vertices, chance)]
        for count in (10, 100, 1000, 10_000):
            if count <= most:
                _look_up(table, f"{count} {shape}", zones[:count], chance)


def _look_up(table: Table, what: str, zones: Sequence[PreparedZone], chance: random.Random) -> None:
    index, turns = ZoneIndex(zones), iter(range(10**9))
    lats, lons = places(chance)

    def one() -> list[int]:
        turn = next(turns) % PLACES
        return index.containing(lats[turn], lons[turn])

    def near() -> dict[int, float]:
        turn = next(turns) % PLACES
        return index.near(lats[turn], lons[turn], within_m=100.0)

    for _ in range(PLACES):  # a zone is drawn when somebody first comes near: once, so not here
        one()
        near()
    table.line(f"1 place, {what}: which hold it", best_s(one), most_us=30.0)
    table.line(f"1 place, {what}: metres to those within 100 m", best_s(near))
    for count in (60, PLACES):
        some = lats[:count], lons[:count]
        batch_s = best_s(lambda some=some: index.containing_many(*some))  # type: ignore[misc]  # bound now
        most_units = 0.01 if count == PLACES else math.inf
        table.line(f"{count} places, {what}", batch_s, points=count, most_units=most_units)
        metres_s = best_s(lambda some=some: index.near_many(*some, within_m=100.0))  # type: ignore[misc]  # bound now
        table.line(f"{count} places, {what}: metres within 100 m", metres_s, points=count)
    drawn = [zone.zone for zone in zones if isinstance(zone.zone, Area)]
    if drawn:
        _plain_loop(table, drawn, lats[0], lons[0])
        _in_postgis(table, drawn, (lats, lons))


def _plain_loop(table: Table, drawn: Sequence[Area], latitude: float, longitude: float) -> None:
    polygons = [shapely.Polygon(area.polygons[0][0]) for area in drawn]

    def plain() -> list[bool]:
        point = shapely.Point(longitude, latitude)
        return [bool(shapely.contains(polygon, point)) for polygon in polygons]

    table.line("    1 place in a plain loop of shapely.contains", best_s(plain))


def _in_postgis(
    table: Table, drawn: Sequence[Area], where: tuple[list[float], list[float]]
) -> None:
    found = postgis.measure([shapely.Polygon(area.polygons[0][0]) for area in drawn], *where)
    if found is None:
        print("    PostGIS: not installed here (Debian: postgresql-15-postgis-3)")
        return
    table.line("    1 place in PostGIS, indexed (time on the clock)", found.one_s)
    table.line(f"    {PLACES} places in PostGIS, joined", found.many_s, points=PLACES)


def against_geopy(table: Table, chance: random.Random) -> None:
    """Exact verdicts on a circle, beside geopy's geodesic."""
    circle = Circle(latitude=LATITUDE, longitude=LONGITUDE, radius_m=20_000.0)
    zone, (lats, lons) = PreparedZone(circle), places(chance)
    ours_s = best_s(lambda: zone.distances_m(lats, lons)) / PLACES
    centre = (LATITUDE, LONGITUDE)
    some = list(zip(lats, lons, strict=True))[:500]
    theirs_s = best_s(lambda: [geodesic(centre, place).m <= 20_000.0 for place in some]) / len(some)
    table.line("exact verdicts on a circle, each of 10,000", ours_s)
    times = theirs_s / ours_s
    aim = table.judged("circles", f"{GEOPY_TIMES} times", times >= GEOPY_TIMES)
    print(f"    the same with geopy takes {theirs_s * 1e6:.1f} µs: {times:,.0f} times{aim}")


def fix_at(number: int, at_s: int, latitude: float, longitude: float) -> Fix:
    """An honest fix."""
    return Fix(
        digest=hashlib.sha256(f"{number} {at_s}".encode()).digest(),
        activation="bench",
        seq=number,
        at_s=at_s,
        mono_ms=at_s * 1000,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=12.0,
    )


def exclusions(zones: Sequence[Zone]) -> list[Rule]:
    """One exclusion for each zone, in force day and night."""
    return [
        Rule(
            id=f"rule-{number:03}",
            version=1,
            kind=RuleKind.EXCLUSION,
            zone=zone,
            valid_from_s=NOON_S - 30 * 86_400,
        )
        for number, zone in enumerate(zones)
    ]


def curfew(zone: Zone) -> Rule:
    """At home every night."""
    nights = Schedule(
        timezone="Europe/Zagreb",
        weekly=tuple(
            WeeklyWindow(weekday=day, start=wall_time(20), end=wall_time(6)) for day in range(7)
        ),
    )
    return Rule(
        id="curfew",
        version=1,
        kind=RuleKind.INCLUSION,
        zone=zone,
        schedule=nights,
        valid_from_s=NOON_S - 30 * 86_400,
    )


def rules_of(zones: Sequence[Zone]) -> PreparedRules:
    """Exclusions but for the first zone, which is a nightly curfew."""
    return PreparedRules([curfew(zones[0]), *exclusions(zones[1:])])


def ten_zones(vertices: int = 50) -> list[Zone]:
    """A home and nine zones of so many corners."""
    home = Circle(latitude=LATITUDE, longitude=LONGITUDE, radius_m=100.0)
    return [home, *(star(LATITUDE + 0.05 * n, LONGITUDE, 300.0, vertices) for n in range(1, 10))]


def live(table: Table) -> None:
    """One fix against ten rules, state restored from bytes and dumped again."""
    rules = rules_of(ten_zones())
    for what, north in (("at home", 0.0), ("away by day", 0.02), ("inside a zone", 0.05)):
        first = [
            fix_at(n, NOON_S + 60 * n, LATITUDE + north + 1e-6 * n, LONGITUDE) for n in range(5)
        ]
        state = State.begin(at_s=NOON_S - 1, parameters=PARAMETERS)
        state = judge(state, first, rules, until_s=NOON_S + 240, parameters=PARAMETERS).state
        data, fix = state.dumps(), fix_at(5, NOON_S + 300, LATITUDE + north, LONGITUDE)

        def one(data: bytes = data, fix: Fix = fix) -> bytes:
            state = State.loads(data)
            found = judge(state, (fix,), rules, until_s=fix.at_s, parameters=PARAMETERS)
            next_due_s(found.state, rules, parameters=PARAMETERS)
            return found.state.dumps()

        table.line(f"live: 1 fix, 10 rules, {what}, restore to dump", best_s(one))


def batch(table: Table) -> None:
    """Sixty fixes of a walk against fifty zones, far away or five of them near; full judgement."""
    walk = [
        fix_at(n, NOON_S + 60 * n, LATITUDE + 0.0005 * n, LONGITUDE + 1e-6 * n) for n in range(60)
    ]
    far: list[Zone] = [star(LATITUDE - 1.0 - 0.01 * n, LONGITUDE, 300.0, 50) for n in range(50)]
    near = [star(LATITUDE + 0.005 * n, LONGITUDE + 0.0042, 300.0, 50) for n in range(1, 6)]
    home = Circle(latitude=LATITUDE + 0.015, longitude=LONGITUDE, radius_m=3_000.0)
    state = State.begin(at_s=NOON_S - 1, parameters=PARAMETERS)
    for what, most_us, zones in (
        ("none near", 250.0, far),
        ("five near", 1000.0, [*far[:45], *near]),
    ):
        for name, rules, aim in (
            ("exclusions", PreparedRules(exclusions(zones)), most_us),
            ("within a curfew", rules_of([home, *zones[1:]]), most_us),
            ("outside a curfew", rules_of([far[-1], *zones[1:]]), math.inf),
        ):

            def whole(rules: PreparedRules = rules) -> object:
                return judge(state, walk, rules, until_s=NOON_S + 3600, parameters=PARAMETERS)

            what_and_name = f"batch: 60 fixes, 50 zones, {what}, {name}"
            table.line(what_and_name, best_s(whole), points=60, most_us=aim)


def memory(table: Table) -> None:
    """What a person kept in memory takes: ten zones, the index of those shown, the state."""
    for vertices in (4, 50):
        before = _resident_bytes()
        kept = [_person(vertices) for _ in range(MEMORY_PEOPLE)]
        each = (_resident_bytes() - before) / len(kept)
        what = f"memory of a person: home and nine zones of {vertices} corners"
        aim = table.judged(what, "50 kB", each <= MEMORY_BYTES)
        print(f"{what:58}{each / 1000:10.1f} kB{aim}")


def _person(vertices: int) -> object:
    rules = rules_of(ten_zones(vertices))
    index = ZoneIndex([watch.zone for watch in rules.watches if watch.kind is RuleKind.EXCLUSION])
    fixes = [fix_at(n, NOON_S + 60 * n, LATITUDE + 0.05, LONGITUDE) for n in range(5)]
    state = State.begin(at_s=NOON_S - 1, parameters=PARAMETERS)
    found = judge(state, fixes, rules, until_s=NOON_S + 240, parameters=PARAMETERS)
    return rules, index, found.state.dumps()


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(unit_us: float) -> list[str]:
    """Print the table; return what missed its aim."""
    chance = random.Random(7)
    table = Table(unit_us)
    memory(table)
    live(table)
    batch(table)
    zones = [PreparedZone(zone) for zone in spread(10_000, 50, chance)]
    table.line(
        "the index of 10,000 prepared zones, asked once",
        best_s(lambda: ZoneIndex(zones).containing(LATITUDE, LONGITUDE)),
        most_us=100_000.0,
    )
    against_geopy(table, chance)
    look_ups(table, chance)
    print(f"missed: {', '.join(table.missed) or 'none'}")
    return table.missed


if __name__ == "__main__":
    measure(raw.verification_us())
