"""Help that works just when nothing else does: whom to call, and what to do about each refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backend.core.actor import Actor
from backend.core.db import Session
from backend.identity import service as identity
from backend.location.refusals import RefusalReason, advice
from backend.requests.values import RequestKind
from notifications.formats import Language

ABOUT: Final[Mapping[Language, Mapping[RequestKind, str]]] = {
    Language.ENGLISH: {
        RequestKind.TROUBLE: "Report that something is broken: say what you did, and what happened.",
        RequestKind.EXEMPTION: "Ask to be served without your location: say why and for how long. "
        "Until you are told that it is granted, go on sending it.",
        RequestKind.ACCESS: "Ask what is kept of you.",
        RequestKind.RECTIFICATION: "Ask that something wrong be put right: say what is wrong, and "
        "what is right.",
        RequestKind.ERASURE: "Ask that something be erased: say what. Evidence and accounts are "
        "kept; you are told what can be done.",
    },
    Language.SPANISH: {
        RequestKind.TROUBLE: "Avisar de que algo no funciona: diga qué hizo y qué ocurrió.",
        RequestKind.EXEMPTION: "Pedir que se le atienda sin su ubicación: diga por qué y por cuánto "
        "tiempo. Hasta que le digan que se concede, siga enviándola.",
        RequestKind.ACCESS: "Pedir que le digan qué datos se guardan de usted.",
        RequestKind.RECTIFICATION: "Pedir que se corrija algo: diga qué está mal y qué es lo "
        "correcto.",
        RequestKind.ERASURE: "Pedir que se borre algo: diga qué. Las pruebas y las cuentas se "
        "conservan; le dirán qué se puede hacer.",
    },
}
"""What each kind of request is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalHelp:
    """What a reason of the gate means, and what to do about it."""

    reason: RefusalReason
    what: str
    what_to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHelp:
    """A kind of request that a person may make, and what it is for."""

    kind: RequestKind
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """Whom to turn to, each reason of the gate, and what may be asked for, in one language."""

    language: Language
    agency_name: str
    contact_phone: str
    contact_email: str
    refusals: Sequence[RefusalHelp]
    requests: Sequence[RequestHelp]


def help_for(session: Session, actor: Actor) -> Help:
    """Return the acting person's help. Raises NOT_FOUND for anybody but a supervised person."""
    me = identity.me(session, actor)
    return Help(
        language=me.language,
        agency_name=me.agency_name,
        contact_phone=me.contact_phone,
        contact_email=me.contact_email,
        refusals=[_refusal(reason, me.language) for reason in RefusalReason],
        requests=[RequestHelp(kind=kind, about=ABOUT[me.language][kind]) for kind in RequestKind],
    )


def _refusal(reason: RefusalReason, language: Language) -> RefusalHelp:
    words = advice(reason, language)
    return RefusalHelp(reason=reason, what=words.what, what_to_do=words.what_to_do)
