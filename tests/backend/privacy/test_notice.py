"""The notice is there for everybody, says the same in every language, and says what the code does."""

from __future__ import annotations

import hashlib
import json
from typing import Final

import pytest
from flask.testing import FlaskClient

from backend.core.classification import CLASS_KEY, DataClass
from backend.core.immutability import guarded_tables
from backend.location.judging import HISTORY_S
from backend.location.trail import KEPT_S
from backend.migrations import metadata
from backend.privacy.notice import TEXTS, VERSION, notice
from notifications.formats import Language

WORDS: Final = {
    1: "d7941f2f1fce0a2f27985f93721754ddb94e5ec8911b638f250b06d2b436f9ae",
    2: "8423a6df56728f03bdaeb84f48495e2d4478a0101ff6395eed3ae4a960e3cded",
}
"""Of each version, the hash of its words: what a person has read under a number never changes."""

SAID_OF_A_PERSON: Final = {
    "given_name": ("name", "nombre"),
    "family_name": ("name", "nombre"),
    "job_title": ("job title", "puesto de trabajo"),
    "postal_address": ("postal address", "dirección postal"),
    "postal_code": ("postal code", "código postal"),
    "emails": ("e-mail addresses", "correos electrónicos"),
    "phones": ("phone numbers", "teléfonos"),
    "language": ("language", "idioma"),
    "zone": ("time zone", "zona horaria"),
}
SAID_OF_A_CLASS: Final = {
    DataClass.NAME: ("Your name", "Su nombre"),
    DataClass.CONTACT: ("e-mail addresses", "correos electrónicos"),
    DataClass.DEMOGRAPHIC: ("postal code", "código postal"),
    DataClass.CASE: ("What the court ordered", "Lo que ordenó el tribunal"),
    DataClass.LOCATION: ("each location that your phone sends", "cada ubicación que envía"),
    DataClass.DEVICE: ("what its hardware shows", "lo que su hardware muestra"),
    DataClass.MONEY: ("What you owe and have paid", "Lo que debe y lo que ha pagado"),
    DataClass.MESSAGE: ("What you were told", "Lo que se le comunicó"),
    DataClass.CREDENTIAL: ("Its public keys", "Sus claves públicas"),
    DataClass.OPERATIONAL: ("by whom, when", "quién, cuándo"),
}
CALLED_EVIDENCE: Final = {
    "fixes",
    "journal_tokens",
    "refusals",
    "alert_events",
    "ledger_transactions",
    "ledger_entries",
    "inbox_entries",
    "audit_events",
}


def words(language: Language) -> str:
    return "\n".join(f"{one.heading}\n{one.text}" for one in TEXTS[language])


def test_anybody_reads_it_before_enrolment(client: FlaskClient) -> None:
    answer = client.get("/v1/privacy-notice")

    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["version"] == VERSION
    assert answer.json["effective_on"] == notice().effective_on.isoformat()
    assert answer.json["texts"] == {
        language.value: [{"heading": one.heading, "text": one.text} for one in TEXTS[language]]
        for language in Language
    }


def test_every_language_has_every_section_in_words_of_its_own() -> None:
    assert set(TEXTS) == set(Language)
    for sections in zip(*TEXTS.values(), strict=True):
        assert len({one.heading for one in sections}) == len(Language)
        assert len({one.text for one in sections}) == len(Language)
        assert all(one.text.endswith(".") and "  " not in one.text for one in sections)


def test_other_words_are_another_version() -> None:
    said = json.dumps({language.value: words(language) for language in Language}, sort_keys=True)

    assert WORDS[VERSION] == hashlib.sha256(said.encode()).hexdigest()
    assert max(WORDS) == VERSION


def test_all_that_is_kept_of_a_person_is_named() -> None:
    personal = {
        column.name
        for column in metadata().tables["supervisees"].columns
        if column.info.get(CLASS_KEY) in {DataClass.NAME, DataClass.CONTACT, DataClass.DEMOGRAPHIC}
    }

    assert personal == set(SAID_OF_A_PERSON)
    for english, spanish in SAID_OF_A_PERSON.values():
        assert english in words(Language.ENGLISH)
        assert spanish in words(Language.SPANISH)


@pytest.mark.parametrize("kind", DataClass)
def test_every_class_of_data_is_spoken_of(kind: DataClass) -> None:
    english, spanish = SAID_OF_A_CLASS[kind]

    assert english in words(Language.ENGLISH)
    assert spanish in words(Language.SPANISH)


def test_what_it_calls_evidence_the_database_keeps_as_it_is() -> None:
    guarded = guarded_tables(metadata())

    assert {table: guarded.get(table) for table in CALLED_EVIDENCE} == dict.fromkeys(
        CALLED_EVIDENCE, ()
    )


def test_the_days_until_a_trail_goes_are_those_of_the_code() -> None:
    days = KEPT_S // 86_400

    assert f"{days} days after they came" in words(Language.ENGLISH)
    assert f"{days} días después de que llegaran" in words(Language.SPANISH)


def test_the_days_of_comparison_are_those_of_the_code() -> None:
    days = HISTORY_S // 86_400

    assert f"the last {days} days" in words(Language.ENGLISH)
    assert f"los últimos {days} días" in words(Language.SPANISH)
