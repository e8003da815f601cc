from __future__ import annotations

import pytest

from backend.core.db import Database
from tests.support.clocks import START
from tests.support.offices import Office, make_office


@pytest.fixture
def office(database: Database) -> Office:
    """An agency at work."""
    with database.transaction() as session:
        return make_office(session, START)
