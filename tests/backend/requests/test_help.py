"""Help says whom to call and what to do, in the person's language, by the gate's own words."""

from __future__ import annotations

import pytest

from backend.core.actor import SYSTEM
from backend.core.db import Database
from backend.core.errors import Code, Problem
from backend.location.refusals import ADVICE, RefusalReason
from backend.requests.help import ABOUT, help_for
from backend.requests.values import RequestKind
from notifications.formats import Language
from tests.support.clocks import START
from tests.support.identity import make_agency, make_supervisee
from tests.support.requests import self_of


def test_it_is_for_a_supervised_person(database: Database) -> None:
    with pytest.raises(Problem) as raised, database.snapshot() as session:
        help_for(session, SYSTEM)

    assert raised.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("language", Language)
def test_every_refusal_and_request_is_explained_in_the_persons_language(
    database: Database, language: Language
) -> None:
    with database.transaction() as session:
        agency = make_agency(session, START)
        person = make_supervisee(session, agency, START, language=language)

        found = help_for(session, self_of(person))

    assert (found.language, found.agency_name) == (language, agency.name)
    assert (found.contact_phone, found.contact_email) == (
        agency.contact_phone,
        agency.contact_email,
    )
    said = {one.reason: (one.what, one.what_to_do) for one in found.refusals}
    assert said == {
        reason: (ADVICE[language][reason].what, ADVICE[language][reason].what_to_do)
        for reason in RefusalReason
    }
    assert {one.kind: one.about for one in found.requests} == ABOUT[language]


def test_each_kind_is_explained_in_every_language_and_another_in_each() -> None:
    assert set(ABOUT) == set(Language)
    for words in ABOUT.values():
        assert set(words) == set(RequestKind)
    for kind in RequestKind:
        assert len({words[kind] for words in ABOUT.values()}) == len(Language)
