"""What judging by other rules makes of episodes: each as it was, and as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geofence import (
    Alerted,
    Certainty,
    Change,
    Difference,
    Episode,
    Evidence,
    Opening,
    Perimeter,
    Role,
    RuleKind,
    attach,
    differences,
)


def _episode(
    onset_s: int, ended_s: int | None, *, ordinal: int = 0, fix: int | None = None
) -> Episode:
    evidence = Evidence(
        digest=bytes([fix or 0] * 32),
        at_s=onset_s,
        distance_m=-20.0,
        accuracy_m=10.0,
        role=Role.OPENING,
    )
    return Episode(
        rule_id="market",
        perimeter=Perimeter.ZONE,
        kind=RuleKind.EXCLUSION,
        version=1,
        ordinal=ordinal,
        certainty=Certainty.CONFIRMED,
        opened_by=Opening.FIXES,
        window_start_s=0,
        onset_s=onset_s,
        since_possible_s=None,
        jump=False,
        evidence=() if fix is None else (evidence,),
        ended_s=ended_s,
    )


def _alert(key: str, episode: Episode, *, decided: bool = False, raised_at_s: int = 0) -> Alerted:
    return Alerted(key=key, decided=decided, raised_at_s=raised_at_s, episode=episode)


def _compare(before: list[Alerted], now: list[Episode]) -> tuple[Difference, ...]:
    return differences(before, attach(before, now))


def test_of_nothing_nothing_differs() -> None:
    assert _compare([], []) == ()


def test_what_nobody_judged_before_is_new() -> None:
    episode = _episode(100, 200)

    (found,) = _compare([], [episode])

    assert (found.change, found.key, found.was, found.becomes) == (
        Change.NEW,
        None,
        None,
        (episode,),
    )


@pytest.mark.parametrize("decided", [False, True])
def test_what_is_judged_no_more_is_withdrawn_decided_or_not(decided: bool) -> None:
    before = _alert("a", _episode(100, 200), decided=decided)

    (found,) = _compare([before], [])

    assert (found.change, found.decided, found.was) == (
        Change.WITHDRAWN,
        decided,
        before.episode,
    )
    assert found.becomes == ()


def test_what_later_fixes_took_back_is_not_taken_back_again() -> None:
    before = _alert("a", replace(_episode(100, 200), certainty=Certainty.VOID))

    (found,) = _compare([before], [])

    assert (found.change, found.becomes) == (Change.UNCHANGED, ())


@pytest.mark.parametrize(
    ("now", "change"),
    [
        (_episode(100, 200, ordinal=7), Change.UNCHANGED),
        (_episode(100, 200, fix=3), Change.UNCHANGED),
        (_episode(120, 200), Change.SHORTENED),
        (_episode(100, 180), Change.SHORTENED),
        (_episode(90, 200), Change.EXTENDED),
        (_episode(100, None), Change.EXTENDED),
        (_episode(110, 210), Change.ALTERED),
        (replace(_episode(100, 200), certainty=Certainty.POSSIBLE), Change.ALTERED),
        (replace(_episode(100, 200), certainty=Certainty.SIGHTING), Change.WITHDRAWN),
        (replace(_episode(100, 200), version=2), Change.ALTERED),
        (replace(_episode(100, 200), opened_by=Opening.CLOCK), Change.ALTERED),
        (replace(_episode(100, 200), unproven_since_s=150), Change.ALTERED),
    ],
)
def test_one_that_goes_on_is_told_by_what_became_of_it(now: Episode, change: Change) -> None:
    (found,) = _compare([_alert("a", _episode(100, 200))], [now])

    assert (found.change, found.becomes) == (change, (now,))


def test_one_in_parts_is_split_and_the_parts_come_in_their_order() -> None:
    first, second = _episode(100, 120), _episode(150, 200, ordinal=1, fix=5)
    whole = _alert("a", _episode(100, 200, fix=5))

    (found,) = _compare([whole], [first, second])

    assert (found.change, found.becomes) == (Change.SPLIT, (first, second))


def test_two_that_are_one_are_merged() -> None:
    older, newer = _alert("a", _episode(100, 120)), _alert("b", _episode(150, 200), raised_at_s=9)
    whole = _episode(100, 200)

    goes_on, merged = _compare([older, newer], [whole])

    assert (goes_on.change, goes_on.becomes) == (Change.EXTENDED, (whole,))
    assert (merged.change, merged.into, merged.becomes) == (Change.MERGED, "a", ())


def test_a_part_belongs_to_what_was_decided_before_anything_else() -> None:
    undecided = _alert("a", _episode(100, 400, fix=1))
    decided = _alert("b", _episode(100, 400, fix=2), decided=True)
    parts = [
        _episode(100, 150, fix=2),
        _episode(200, 250, ordinal=1, fix=1),
        _episode(300, 350, ordinal=2, fix=1),
    ]

    first, second = _compare([undecided, decided], parts)

    assert (first.change, first.becomes) == (Change.SHORTENED, (parts[1],))
    assert (second.change, second.becomes) == (Change.SPLIT, (parts[0], parts[2]))


def test_another_rule_is_another_matter() -> None:
    other = replace(_episode(100, 200), rule_id="school")

    found = _compare([_alert("a", _episode(100, 200))], [other])

    assert [one.change for one in found] == [Change.WITHDRAWN, Change.NEW]
