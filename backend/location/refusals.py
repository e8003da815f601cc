"""Why a person is refused service, in words that say what to do, and how to name a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID

from backend.core.crockford import encode, grouped, read
from notifications.formats import Language


class RefusalReason(Enum):
    """Every reason of the gate; the value is the stable code that phones and officers see."""

    PERMISSION_DENIED = "PERMISSION_DENIED"
    SERVICES_OFF = "SERVICES_OFF"
    TIMEOUT = "TIMEOUT"
    MISSING = "MISSING"
    STALE = "STALE"
    FUTURE = "FUTURE"
    LOW_ACCURACY = "LOW_ACCURACY"
    ZERO_ZERO = "ZERO_ZERO"
    MOCK = "MOCK"
    IMPLAUSIBLE = "IMPLAUSIBLE"
    FORKED = "FORKED"
    SUSPENDED_DEVICE = "SUSPENDED_DEVICE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a refused person reads: what happened, and what to do about it."""

    what: str
    what_to_do: str


ADVICE: Final[Mapping[Language, Mapping[RefusalReason, Advice]]] = {
    Language.ENGLISH: {
        RefusalReason.PERMISSION_DENIED: Advice(
            what="The app is not allowed to use this phone's location.",
            what_to_do="Open the phone's settings, find this app, and allow it to use the "
            "location always and precisely. Then try again.",
        ),
        RefusalReason.SERVICES_OFF: Advice(
            what="Location is switched off on this phone.",
            what_to_do="Switch location on in the phone's settings, then try again.",
        ),
        RefusalReason.TIMEOUT: Advice(
            what="The phone could not find out where it is.",
            what_to_do="Go outdoors or near a window, wait a minute, then try again.",
        ),
        RefusalReason.MISSING: Advice(
            what="The phone sent no location, or one that cannot be read.",
            what_to_do="Close the app, open it and try again. If it happens again, update the app.",
        ),
        RefusalReason.STALE: Advice(
            what="The location that the phone sent is too old.",
            what_to_do="Wait until the phone has found its position anew, then try again.",
        ),
        RefusalReason.FUTURE: Advice(
            what="The location that the phone sent bears a time that has not come yet.",
            what_to_do="Set the phone's clock to automatic, restart the phone, then try again.",
        ),
        RefusalReason.LOW_ACCURACY: Advice(
            what="The phone knows only roughly where it is.",
            what_to_do="Allow precise location for this app, switch Wi-Fi on, go outdoors or near "
            "a window, then try again.",
        ),
        RefusalReason.ZERO_ZERO: Advice(
            what="The phone sent the empty location 0, 0.",
            what_to_do="Restart the phone, wait until it has found its position, then try again.",
        ),
        RefusalReason.MOCK: Advice(
            what="The phone says that its location comes from an app that makes locations up.",
            what_to_do="Remove apps that change the location and switch off the mock location "
            "app in the developer settings. Then try again.",
        ),
        RefusalReason.IMPLAUSIBLE: Advice(
            what="Nobody can have come so far in so short a time.",
            what_to_do="Wait until the phone has found its position anew, then try again. If you "
            "use a VPN or a location app, switch it off.",
        ),
        RefusalReason.FORKED: Advice(
            what="The phone used the number of an earlier location for another one.",
            what_to_do="Do not restore the app from a backup or run it on two phones. Call your "
            "officer, who can enrol this phone again.",
        ),
        RefusalReason.SUSPENDED_DEVICE: Advice(
            what="This phone is suspended.",
            what_to_do="Call your officer.",
        ),
    },
    Language.SPANISH: {
        RefusalReason.PERMISSION_DENIED: Advice(
            what="La aplicación no tiene permiso para usar la ubicación de este teléfono.",
            what_to_do="Abra los ajustes del teléfono, busque esta aplicación y permita que use "
            "la ubicación siempre y con precisión. Después inténtelo de nuevo.",
        ),
        RefusalReason.SERVICES_OFF: Advice(
            what="La ubicación está desactivada en este teléfono.",
            what_to_do="Active la ubicación en los ajustes del teléfono e inténtelo de nuevo.",
        ),
        RefusalReason.TIMEOUT: Advice(
            what="El teléfono no pudo averiguar dónde está.",
            what_to_do="Salga al aire libre o acérquese a una ventana, espere un minuto e "
            "inténtelo de nuevo.",
        ),
        RefusalReason.MISSING: Advice(
            what="El teléfono no envió ninguna ubicación, o envió una que no se puede leer.",
            what_to_do="Cierre la aplicación, ábrala e inténtelo de nuevo. Si vuelve a ocurrir, "
            "actualice la aplicación.",
        ),
        RefusalReason.STALE: Advice(
            what="La ubicación que envió el teléfono es demasiado antigua.",
            what_to_do="Espere a que el teléfono encuentre de nuevo su posición e inténtelo otra "
            "vez.",
        ),
        RefusalReason.FUTURE: Advice(
            what="La ubicación que envió el teléfono lleva una hora que aún no ha llegado.",
            what_to_do="Ponga el reloj del teléfono en automático, reinicie el teléfono e "
            "inténtelo de nuevo.",
        ),
        RefusalReason.LOW_ACCURACY: Advice(
            what="El teléfono solo sabe aproximadamente dónde está.",
            what_to_do="Permita la ubicación precisa para esta aplicación, active el Wi-Fi, salga "
            "al aire libre o acérquese a una ventana e inténtelo de nuevo.",
        ),
        RefusalReason.ZERO_ZERO: Advice(
            what="El teléfono envió la ubicación vacía 0, 0.",
            what_to_do="Reinicie el teléfono, espere a que encuentre su posición e inténtelo de "
            "nuevo.",
        ),
        RefusalReason.MOCK: Advice(
            what="El teléfono indica que su ubicación viene de una aplicación que la inventa.",
            what_to_do="Quite las aplicaciones que cambian la ubicación y desactive la ubicación "
            "simulada en los ajustes de desarrollador. Después inténtelo de nuevo.",
        ),
        RefusalReason.IMPLAUSIBLE: Advice(
            what="Nadie puede haber llegado tan lejos en tan poco tiempo.",
            what_to_do="Espere a que el teléfono encuentre de nuevo su posición e inténtelo otra "
            "vez. Si usa una VPN o una aplicación de ubicación, desactívela.",
        ),
        RefusalReason.FORKED: Advice(
            what="El teléfono usó el número de una ubicación anterior para otra distinta.",
            what_to_do="No restaure la aplicación de una copia ni la use en dos teléfonos. Llame "
            "a su oficial, que puede registrar este teléfono de nuevo.",
        ),
        RefusalReason.SUSPENDED_DEVICE: Advice(
            what="Este teléfono está suspendido.",
            what_to_do="Llame a su oficial.",
        ),
    },
}


def advice(reason: RefusalReason, language: Language) -> Advice:
    """Return what a person refused for `reason` reads."""
    return ADVICE[language][reason]


_DIGITS: Final = 12
_GROUP: Final = 4


def reference_number(refusal_id: UUID) -> str:
    """Return the name of a refusal to say on the phone: `7K3M-9QPD-X2VA`.

    Twelve digits, the 60 random bits at the end of the refusal's UUIDv7. It says nothing of the
    person or the time.
    """
    return grouped(encode(refusal_id.int, _DIGITS), _GROUP)


def read_reference_number(text: str) -> str | None:
    """Return a reference number as stored, however a person wrote it, or None if it is none."""
    digits = read(text, _DIGITS)
    return None if digits is None else grouped(digits, _GROUP)
