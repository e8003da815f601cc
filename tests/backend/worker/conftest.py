from __future__ import annotations

import pytest

from backend.core.db import Database
from tests.support.clocks import START
from tests.support.devices import Person, supervised_person


@pytest.fixture
def testa(database: Database) -> Person:
    """A supervised person in Chicago, six hours behind UTC until 8 March 2026."""
    with database.transaction() as session:
        return supervised_person(session, now=START)
