"""A demo that cannot fail shows nothing: each expectation is broken once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from backend.demo import cast
from backend.demo.chapters import recorded_drive
from backend.demo.expectations import expectations
from backend.demo.payment import BANNER
from backend.demo.record import Record, Witnessed

KEY: Final = ec.generate_private_key(ec.SECP256R1())
STRANGER: Final = ec.generate_private_key(ec.SECP256R1())
TITLES: Final = {"home": cast.CURFEW, "store": cast.STORE, "near": cast.NEIGHBOURHOOD}
ALERTS: Final = {
    "inclusion-left": "warning",
    "exclusion-entered": "critical",
    "location-refused": "information",
}


def receipt(seq: int, by: ec.EllipticCurvePrivateKey = KEY) -> dict[str, Any]:
    return {"receipt": jwt.encode({"seq": seq}, by, "ES256", {"kid": "1"})}


def problem(reason: str) -> dict[str, Any]:
    return {
        "status": 403,
        "reason": reason,
        "reference": f"REF-{reason}",
        "what_to_do": "This.",
        "contact": cast.AGENCY["phone"],
    }


def episode(condition: str, began: timedelta, ended: timedelta) -> dict[str, Any]:
    return {
        "condition_id": condition,
        "certainty": "confirmed",
        "withdrawn": False,
        "onset": (cast.DRIVE_AT + began).isoformat(),
        "ended": (cast.DRIVE_AT + ended).isoformat(),
    }


def alert(kind: str, severity: str) -> dict[str, Any]:
    return {"kind": kind, "severity": severity, "sentence_en": "Because."}


@pytest.fixture
def record() -> Record:
    """What is on record when all went well."""
    public = ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    silences = [alert("no-communication", "warning")] * 2
    return Record(
        fixes=[
            {
                "latitude": point.position.latitude,
                "longitude": point.position.longitude,
                "taken_at": point.at.isoformat(),
                "usable": True,
                "refused": None,
            }
            for point in recorded_drive()
        ],
        refusals=[problem("PERMISSION_DENIED"), problem("MOCK")],
        episodes=[
            episode("near", cast.DRIVE.neighbourhood_began, cast.DRIVE.neighbourhood_ended),
            episode("store", cast.DRIVE.store_began, cast.DRIVE.store_ended),
        ],
        alerts=[*(alert(kind, severity) for kind, severity in ALERTS.items()), *silences],
        reminders=[
            {
                "id": "message",
                "state": "delivered",
                "via": "fcm_token",
                "due_at": cast.REMINDED_AT.isoformat(),
                "sent_at": cast.REMINDED_AT.isoformat(),
            },
            {
                "id": "next",
                "state": "withdrawn",
                "via": None,
                "due_at": (cast.REMINDED_AT + timedelta(days=4)).isoformat(),
                "sent_at": None,
            },
        ],
        asked=[{"state": "paid", "amount_minor": cast.FEE_MINOR}],
        payments=[
            {
                "method": "hosted_page",
                "source": "provider",
                "amount_minor": cast.FEE_MINOR,
                "currency": cast.CURRENCY,
            }
        ],
        events=[],
        titles=TITLES,
        jwks={"keys": [{**public, "kid": "1", "use": "sig", "alg": "ES256"}]},
    )


@pytest.fixture
def witnessed() -> Witnessed:
    """What was seen when all went well."""
    mail = EmailMessage()
    mail["Subject"] = "Critical alert: sign in to read it"
    mail.set_content("Nothing more.")
    return Witnessed(
        receipts=[receipt(seq) for seq in range(cast.DRIVE.points + 1)],
        turned_away=[problem("PERMISSION_DENIED"), problem("MOCK")],
        silence="Silent.",
        curfew="Began.",
        mails=[mail],
        pushes=[{"data": {"id": "message"}, "notification": {"title": "A message", "body": "."}}],
        inbox=[{"id": "message"}],
        owed=[{"outstanding_minor": cast.FEE_MINOR, "currency": cast.CURRENCY}],
        page=f"<p>{BANNER}</p>",
        receipt_push={"data": {"id": "thanks"}, "notification": {"title": "A message"}},
        receipt="Amount: €40.00",
        owed_after=[],
        sealed="The chain is whole.",
    )


def failed(record: Record, witnessed: Witnessed) -> list[str]:
    return [check.name for check in expectations(record, witnessed) if not check.holds]


def test_when_all_went_well_all_holds(record: Record, witnessed: Witnessed) -> None:
    assert failed(record, witnessed) == []


BROKEN_RECORDS: Final[dict[str, Callable[[Record], object]]] = {
    "each of the 104 points": lambda r: r.fixes.pop(),
    "in place and time": lambda r: r.fixes[3].update(latitude=0.0),
    "Example Store": lambda r: r.episodes[1].update(certainty="possible"),
    "Neighbourhood": lambda r: r.episodes[0].update(ended=None),
    "became no episode": lambda r: r.episodes.append(
        episode("home", cast.DRIVE.store_began, cast.DRIVE.store_ended)
    ),
    "the alerts are those": lambda r: r.alerts.pop(),
    "all are explained": lambda r: r.alerts[0].update(sentence_en=""),
    "both refusals": lambda r: r.refusals[0].update(reference="ANOTHER"),
    "booked once": lambda r: r.payments.append(r.payments[0]),
    "paid on the provider's page": lambda r: r.asked[0].update(state="open"),
    "is withdrawn": lambda r: r.reminders[1].update(state="pending"),
    "one reminder": lambda r: r.reminders[0].update(via="email"),
}


@pytest.mark.parametrize("words", BROKEN_RECORDS)
def test_what_is_wrong_on_record_fails_its_check(
    record: Record, witnessed: Witnessed, words: str
) -> None:
    BROKEN_RECORDS[words](record)

    (name,) = failed(record, witnessed)

    assert words in name


BROKEN_SIGHTS: Final[dict[str, Callable[[Witnessed], object]]] = {
    "has a receipt": lambda w: w.receipts.append(receipt(1)),
    "public key verifies": lambda w: w.receipts[0].update(receipt(1, by=STRANGER)),
    "by e-mail": lambda w: w.mails.clear(),
    "nothing personal": lambda w: w.mails[0].set_content("Testa was there."),
    "silence was noticed": lambda w: setattr(w, "curfew", ""),
    "whom to phone": lambda w: w.turned_away[1].update(contact=None),
    "seen by the push service": lambda w: w.pushes.append(w.pushes[0]),
    "the lock screen": lambda w: w.pushes[0]["notification"].update(body="Pay your fee"),
    "inbox and balance": lambda w: w.owed[0].update(outstanding_minor=1),
    "no money is real": lambda w: setattr(w, "page", "Pay here"),
    "balance fell": lambda w: setattr(w, "owed_after", None),
    "receipt came": lambda w: setattr(w, "receipt", ""),
    "lock screen tells nothing": lambda w: w.receipt_push["notification"].update(body="Testa"),
    "sealed and whole": lambda w: setattr(w, "sealed", "The chain breaks at 3."),
}


@pytest.mark.parametrize("words", BROKEN_SIGHTS)
def test_what_was_seen_to_go_wrong_fails_its_check(
    record: Record, witnessed: Witnessed, words: str
) -> None:
    BROKEN_SIGHTS[words](witnessed)

    (name,) = failed(record, witnessed)

    assert words in name
