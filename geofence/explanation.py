"""Why an episode: as data, and as one sentence in English or Spanish.

The sentences are data. They say what the phone showed and never that a person is guilty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from geofence.episode import Certainty, Ending, Episode, Opening, Role
from geofence.parameters import ENGINE
from geofence.rule import Perimeter, RuleKind
from geofence.schedule import zone_of

LANGUAGES: Final = ("en", "es")

_Texts = Mapping[object, str]

_ENGLISH: Final[_Texts] = {
    (RuleKind.EXCLUSION, Perimeter.ZONE): "The phone was inside {place}, where it must not be,",
    (RuleKind.EXCLUSION, Perimeter.BUFFER): "The phone was inside the warning ring of {place},",
    (RuleKind.INCLUSION, Perimeter.ZONE): "The phone was outside {place}, where it must be,",
    (RuleKind.INCLUSION, Perimeter.BUFFER): "The phone was near or beyond the edge of {place},",
    Opening.CROSSING: "The phone passed through {place}, where it must not be,",
    "possibly": "Possibly: ",
    Certainty.SIGHTING: "Only sighted: ",
    Certainty.VOID: "Taken back by later fixes: ",
    "from": " from {onset}",
    "between": " between {onset} and {ended}",
    (RuleKind.EXCLUSION, Ending.COMPLIANCE): " to {ended}, when it had left",
    (RuleKind.INCLUSION, Ending.COMPLIANCE): " to {ended}, when it had returned",
    Ending.WINDOW: " to {ended}, when the set time ended",
    Ending.RULE: " to {ended}, when the rule ended or its zone changed",
    "since": " ({timezone}; rule version {version}; it may have begun after {since})",
    "version": " ({timezone}; rule version {version})",
    Certainty.CONFIRMED: "; confirmed at {confirmed}",
    Opening.CLOCK: "; the set time began while it was there",
    "fix": "; shown by 1 fix, {distance} m past the edge, accurate to {accuracy} m",
    "fixes": "; shown by {count} fixes, up to {distance} m past the edge, accurate to {accuracy} m",
    "undisclosed": "; fixes that show it: {count}",
    "far side": "; shown by the fix before and {beyond} on the far side",
    "barred": "; there was no time to go round",
    "unproven": "; not proved by any fix since {unproven}",
    "end": ".",
}

_SPANISH: Final[_Texts] = {
    (
        RuleKind.EXCLUSION,
        Perimeter.ZONE,
    ): "El teléfono estuvo dentro de {place}, donde no debe estar,",
    (RuleKind.EXCLUSION, Perimeter.BUFFER): (
        "El teléfono estuvo dentro del anillo de aviso de {place},"
    ),
    (RuleKind.INCLUSION, Perimeter.ZONE): "El teléfono estuvo fuera de {place}, donde debe estar,",
    (RuleKind.INCLUSION, Perimeter.BUFFER): (
        "El teléfono estuvo cerca del borde de {place} o más allá,"
    ),
    Opening.CROSSING: "El teléfono atravesó {place}, donde no debe estar,",
    "possibly": "Posiblemente: ",
    Certainty.SIGHTING: "Solo avistado: ",
    Certainty.VOID: "Retirado por posiciones posteriores: ",
    "from": " desde {onset}",
    "between": " entre {onset} y {ended}",
    (RuleKind.EXCLUSION, Ending.COMPLIANCE): " hasta {ended}, cuando ya había salido",
    (RuleKind.INCLUSION, Ending.COMPLIANCE): " hasta {ended}, cuando ya había vuelto",
    Ending.WINDOW: " hasta {ended}, cuando terminó el horario fijado",
    Ending.RULE: " hasta {ended}, cuando terminó la regla o cambió su zona",
    "since": " ({timezone}; versión {version} de la regla; pudo empezar después de {since})",
    "version": " ({timezone}; versión {version} de la regla)",
    Certainty.CONFIRMED: "; confirmado a las {confirmed}",
    Opening.CLOCK: "; el horario fijado empezó mientras estaba allí",
    "fix": "; lo muestra 1 posición, a {distance} m del borde, con precisión de {accuracy} m",
    "fixes": (
        "; lo muestran {count} posiciones, hasta {distance} m del borde, "
        "con precisión de {accuracy} m"
    ),
    "undisclosed": "; posiciones que lo muestran: {count}",
    "far side": "; lo muestran la posición anterior y {beyond} al otro lado",
    "barred": "; no hubo tiempo para dar un rodeo",
    "unproven": "; ninguna posición lo prueba desde {unproven}",
    "end": ".",
}

_TEXTS: Final = {"en": _ENGLISH, "es": _SPANISH}


def explain(
    episode: Episode, *, place: str, timezone: str, language: str = "en", disclose: bool = True
) -> str:
    """One sentence with local times of the IANA zone and distances in whole metres.

    `place` is what the reader may be told of the zone; without `disclose` no distance to its
    edge is told either (a victim's zone can be found from distances). Raises ValueError for an
    unknown zone and KeyError for a language that is not one of `LANGUAGES`.
    """
    texts = _TEXTS[language]
    values = _values(episode, place, timezone)
    return "".join(texts[part] for part in _parts(episode, disclose=disclose)).format(**values)


def facts(episode: Episode, *, disclose: bool = True) -> dict[str, Any]:
    """All that an officer and a court need, ready for JSON: times in Unix seconds.

    Without `disclose` the distances to the zone's edge are None.
    """
    return {
        "engine": ENGINE,
        "rule_id": episode.rule_id,
        "rule_version": episode.version,
        "kind": episode.kind.value,
        "perimeter": episode.perimeter.value,
        "certainty": episode.certainty.value,
        "opened_by": episode.opened_by.value,
        "window_start_s": episode.window_start_s,
        "since_possible_s": episode.since_possible_s,
        "onset_s": episode.onset_s,
        "possible_at_s": episode.possible_at_s,
        "confirmed_at_s": episode.confirmed_at_s,
        "ended_s": episode.ended_s,
        "end": episode.end.value if episode.end else None,
        "unproven_since_s": episode.unproven_since_s,
        "after_jump": episode.jump,
        "evidence": [
            {
                "fix": evidence.digest.hex(),
                "at_s": evidence.at_s,
                "distance_m": round(evidence.distance_m, 1) if disclose else None,
                "accuracy_m": round(evidence.accuracy_m, 1),
                "role": evidence.role.value,
            }
            for evidence in episode.evidence
        ],
    }


def _parts(episode: Episode, *, disclose: bool) -> list[object]:
    """The sentence's parts in order, by their names in the texts."""
    parts: list[object] = []
    if episode.certainty is Certainty.POSSIBLE:
        parts.append("possibly")
    elif episode.certainty is not Certainty.CONFIRMED:
        parts.append(episode.certainty)
    crossed = episode.opened_by is Opening.CROSSING
    parts.append(Opening.CROSSING if crossed else (episode.kind, episode.perimeter))
    parts.append("between" if crossed else "from")
    if episode.end and not crossed:
        complied = episode.end is Ending.COMPLIANCE
        parts.append((episode.kind, episode.end) if complied else episode.end)
    parts.append("version" if crossed or episode.since_possible_s is None else "since")
    if episode.confirmed_at_s is not None:
        parts.append(Certainty.CONFIRMED)
    if episode.opened_by is Opening.CLOCK:
        parts.append(Opening.CLOCK)
    parts.append(_shown_by(episode, disclose=disclose))
    if crossed and episode.certainty is Certainty.CONFIRMED:
        parts.append("barred")
    if episode.unproven_since_s is not None:
        parts.append("unproven")
    parts.append("end")
    return parts


def _shown_by(episode: Episode, *, disclose: bool) -> str:
    if episode.opened_by is Opening.CROSSING:
        return "far side"
    if not disclose:
        return "undisclosed"
    return "fix" if len(_openers(episode)) == 1 else "fixes"


def _values(episode: Episode, place: str, timezone: str) -> dict[str, object]:
    zone = zone_of(timezone)

    def local(at_s: int | None) -> str:
        return "" if at_s is None else f"{datetime.fromtimestamp(at_s, tz=zone):%Y-%m-%d %H:%M:%S}"

    openers = _openers(episode)
    return {
        "place": place,
        "timezone": timezone,
        "version": episode.version,
        "onset": local(episode.onset_s),
        "ended": local(episode.ended_s),
        "since": local(episode.since_possible_s),
        "confirmed": local(episode.confirmed_at_s),
        "unproven": local(episode.unproven_since_s),
        "count": len(openers),
        "beyond": sum(evidence.role is Role.AFTER for evidence in episode.evidence),
        "distance": round(max((abs(distance_m) for distance_m, _ in openers), default=0.0)),
        "accuracy": round(max((accuracy_m for _, accuracy_m in openers), default=0.0)),
    }


def _openers(episode: Episode) -> list[tuple[float, float]]:
    return [
        (evidence.distance_m, evidence.accuracy_m)
        for evidence in episode.evidence
        if evidence.role is Role.OPENING
    ]
