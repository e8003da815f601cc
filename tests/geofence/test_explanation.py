"""Every episode explains itself, in data and in two languages."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from geofence import (
    LANGUAGES,
    Certainty,
    Ending,
    Episode,
    Evidence,
    Opening,
    Perimeter,
    Role,
    RuleKind,
    explain,
    facts,
)
from geofence.parameters import ENGINE
from tests.geofence.scenes import NOON_S


def _evidence(at_s: int, distance_m: float, role: Role = Role.OPENING) -> Evidence:
    return Evidence(
        digest=at_s.to_bytes(8, "big"), at_s=at_s, distance_m=distance_m, accuracy_m=9.6, role=role
    )


ENTERED = Episode(
    rule_id="school",
    perimeter=Perimeter.ZONE,
    kind=RuleKind.EXCLUSION,
    version=3,
    ordinal=0,
    certainty=Certainty.CONFIRMED,
    opened_by=Opening.FIXES,
    window_start_s=NOON_S - 3600,
    onset_s=NOON_S,
    since_possible_s=NOON_S - 60,
    jump=False,
    evidence=(_evidence(NOON_S, -40.2), _evidence(NOON_S + 60, -52.4)),
    confirmed_at_s=NOON_S + 60,
)
POSSIBLE = replace(ENTERED, certainty=Certainty.POSSIBLE, confirmed_at_s=None)


def _english(episode: Episode) -> str:
    return explain(episode, place="the school", timezone="Europe/Zagreb")


def test_a_confirmed_entry_in_english() -> None:
    assert _english(ENTERED) == (
        "The phone was inside the school, where it must not be, from 2026-05-28 14:00:00 "
        "(Europe/Zagreb; rule version 3; it may have begun after 2026-05-28 13:59:00); "
        "confirmed at 2026-05-28 14:01:00; shown by 2 fixes, up to 52 m past the edge, "
        "accurate to 10 m."
    )


def test_a_confirmed_entry_in_spanish() -> None:
    sentence = explain(ENTERED, place="la escuela", timezone="Europe/Madrid", language="es")

    assert sentence == (
        "El teléfono estuvo dentro de la escuela, donde no debe estar, desde 2026-05-28 14:00:00 "
        "(Europe/Madrid; versión 3 de la regla; pudo empezar después de 2026-05-28 13:59:00); "
        "confirmado a las 2026-05-28 14:01:00; lo muestran 2 posiciones, hasta 52 m del borde, "
        "con precisión de 10 m."
    )


@pytest.mark.parametrize(
    ("episode", "words"),
    [
        (POSSIBLE, "Possibly: "),
        (replace(POSSIBLE, certainty=Certainty.SIGHTING), "Only sighted: "),
        (replace(POSSIBLE, certainty=Certainty.VOID), "Taken back"),
        (replace(POSSIBLE, since_possible_s=None), "rule version 3)"),
        (replace(POSSIBLE, evidence=ENTERED.evidence[:1]), "1 fix, 40 m past"),
        (replace(ENTERED, perimeter=Perimeter.BUFFER), "warning ring of the school"),
        (replace(ENTERED, kind=RuleKind.INCLUSION), "outside the school, where it must be"),
        (replace(ENTERED, opened_by=Opening.CLOCK), "the set time began while it was there"),
        (replace(ENTERED, unproven_since_s=NOON_S + 60), "not proved by any fix since"),
        (
            replace(ENTERED, ended_s=NOON_S + 600, end=Ending.COMPLIANCE),
            "to 2026-05-28 14:10:00, when it had left",
        ),
        (
            replace(
                ENTERED,
                kind=RuleKind.INCLUSION,
                ended_s=NOON_S + 600,
                end=Ending.COMPLIANCE,
            ),
            "to 2026-05-28 14:10:00, when it had returned",
        ),
        (replace(ENTERED, ended_s=NOON_S + 600, end=Ending.WINDOW), "when the set time ended"),
        (replace(ENTERED, ended_s=NOON_S + 600, end=Ending.RULE), "when the rule ended"),
        (
            replace(
                ENTERED,
                opened_by=Opening.CROSSING,
                ended_s=NOON_S + 60,
                end=Ending.CROSSED,
                evidence=(
                    _evidence(NOON_S, 40.0, Role.BEFORE),
                    _evidence(NOON_S + 60, 40.0, Role.AFTER),
                ),
            ),
            "passed through the school, where it must not be, between 2026-05-28 14:00:00 and",
        ),
    ],
)
def test_every_kind_of_episode_is_told(episode: Episode, words: str) -> None:
    assert words in _english(episode)
    assert _english(episode).endswith(".")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", RuleKind)
@pytest.mark.parametrize("perimeter", Perimeter)
@pytest.mark.parametrize("opened_by", Opening)
@pytest.mark.parametrize("end", [None, *Ending])
def test_no_text_is_missing(
    language: str, kind: RuleKind, perimeter: Perimeter, opened_by: Opening, end: Ending | None
) -> None:
    for certainty in set(Certainty) - {Certainty.HELD}:
        crossed = opened_by is Opening.CROSSING
        episode = replace(
            ENTERED,
            kind=kind,
            perimeter=perimeter,
            opened_by=opened_by,
            certainty=certainty,
            end=Ending.CROSSED if crossed else None if end is Ending.CROSSED else end,
            ended_s=NOON_S + 60,
        )

        sentence = explain(episode, place="X", timezone="UTC", language=language)

        assert "X" in sentence
        assert "{" not in sentence


def test_a_crossing_tells_how_many_fixes_show_the_far_side() -> None:
    crossed = replace(
        ENTERED,
        opened_by=Opening.CROSSING,
        ended_s=NOON_S + 60,
        end=Ending.CROSSED,
        evidence=(
            _evidence(NOON_S, 40.0, Role.BEFORE),
            _evidence(NOON_S + 60, 40.0, Role.AFTER),
            _evidence(NOON_S + 120, 45.0, Role.AFTER),
        ),
    )
    possible = replace(crossed, certainty=Certainty.POSSIBLE, confirmed_at_s=None)

    assert _english(crossed).endswith(
        "; shown by the fix before and 2 on the far side; there was no time to go round."
    )
    assert _english(possible).endswith("; shown by the fix before and 2 on the far side.")
    assert explain(crossed, place="la calle", timezone="UTC", language="es").endswith(
        "; lo muestran la posición anterior y 2 al otro lado; no hubo tiempo para dar un rodeo."
    )


def test_a_place_with_braces_is_only_text() -> None:
    assert "{0.__class__}" in explain(ENTERED, place="{0.__class__}", timezone="UTC")


def test_an_unknown_language_or_zone_is_refused() -> None:
    with pytest.raises(KeyError):
        explain(ENTERED, place="X", timezone="UTC", language="xx")
    with pytest.raises(ValueError, match="IANA"):
        explain(ENTERED, place="X", timezone="Nowhere/Land")


def test_the_facts_are_json() -> None:
    told = facts(replace(ENTERED, ended_s=NOON_S + 600, end=Ending.COMPLIANCE))

    assert json.loads(json.dumps(told)) == told
    assert told["engine"] == ENGINE
    assert told["window_start_s"] == NOON_S - 3600
    assert told["rule_version"] == 3
    assert told["end"] == "compliance"
    assert told["evidence"][0] == {
        "fix": NOON_S.to_bytes(8, "big").hex(),
        "at_s": NOON_S,
        "distance_m": -40.2,
        "accuracy_m": 9.6,
        "role": "opening",
    }
    assert facts(ENTERED)["end"] is None


def test_of_a_confidential_zone_no_distance_is_told() -> None:
    told = explain(ENTERED, place="a protected zone", timezone="Europe/Zagreb", disclose=False)

    assert " m " not in told
    assert "52" not in told
    assert "fixes that show it: 2" in told
    assert [item["distance_m"] for item in facts(ENTERED, disclose=False)["evidence"]] == [None] * 2
