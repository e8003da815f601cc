"""The client of docs/client-guide.md, taken from the page, against the application."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from flask import Flask
from sqlalchemy import select

from backend.core.db import Database
from backend.devices import service as devices
from backend.location.models import Fix
from tests.support.clocks import FrozenClock
from tests.support.conditions import open_case, order_for
from tests.support.devices import CODE_KEY, SERVER_URL

GUIDE: Final = Path(__file__).parents[2] / "docs" / "client-guide.md"
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        pass


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    """Where the application listens."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_client_on_the_page_works(database: Database, clock: FrozenClock, port: int) -> None:
    settings, *steps = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    with database.transaction() as session:
        case = open_case(session, now=clock.now())
        order_for(session, case, now=clock.now())
        code = devices.issue_code(
            session, case.officer, case.supervisee_id, code_key=CODE_KEY, now=clock.now()
        ).code
    client: dict[str, Any] = {}
    exec(settings, client)  # noqa: S102 - the page's own code is what is tested
    client |= {
        "PUBLIC_URL": SERVER_URL,
        "CODE": code,
        "connect": lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=30),
    }

    for step in steps:
        exec(step, client)  # noqa: S102 - as above; its asserts are the test's

    assert len(steps) == 11
    with database.snapshot() as session:
        fixes = session.execute(select(Fix.seq, Fix.refused).order_by(Fix.seq)).all()
    assert [tuple(fix) for fix in fixes] == [(1, None), (2, None), (3, None), (5, None)]
