"""A server killed while journals come in: what was acknowledged is all there, and nothing is twice."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from backend.location.models import Fix, JournalEntry
from backend.proof.receipt import JournalReceipt, read_journal_receipt
from backend.proof.server_keys import ServerKeys
from backend.simulator.position import Position
from backend.simulator.wire import HttpAnswer
from tests.faults.scene import Scene, scene_on
from tests.support.sites import Line, Site

TOKENS: Final = 12
EACH: Final = 40
STEP: Final = timedelta(seconds=10)
KILLED_AFTER_S: Final = {2: 0.0, 4: 0.003, 6: 0.008, 8: 0.015, 10: 0.03}


def deliver(site: Site, scene: Scene, text: str, killed_after_s: float | None) -> HttpAnswer:
    """Send a token until an answer comes; the server is killed meanwhile, if it is to be."""
    if killed_after_s is None:
        return sent(site, scene, text)
    site.start()
    killing = threading.Timer(killed_after_s, site.kill)
    killing.start()
    try:
        return sent(site, scene, text)
    finally:
        killing.join()  # the answer may come first: then the next token finds the server dead


def sent(site: Site, scene: Scene, text: str) -> HttpAnswer:
    for _ in range(20):
        try:
            return scene.phone.send_token(text)
        except OSError:
            site.start()
    raise AssertionError("the token got no answer")


def test_killed_at_any_moment_the_server_keeps_every_token_that_it_acknowledged(
    site: Site,
) -> None:
    scene = scene_on(site, Line(site))
    keys = ServerKeys.from_pem(site.settings.server_keys.read_bytes())
    promised: dict[int, JournalReceipt] = {}

    for number in range(TOKENS):
        for step in range(EACH):
            scene.phone.buffer_fix(
                Position(latitude=45.2734 + step * 1e-5, longitude=13.7141, accuracy_m=8.0)
            )
            site.clock.step_to(site.clock.now().replace(microsecond=0) + STEP)
        site.start()
        text = scene.phone.write_journal()
        answer = deliver(site, scene, text, KILLED_AFTER_S.get(number))
        assert answer.status == 200, answer.body
        receipt = read_journal_receipt(answer.json()["receipt"], keys)
        assert receipt is not None
        promised[receipt.n] = receipt
    site.stop()

    assert site.kills >= len(KILLED_AFTER_S)
    with site.opened() as database, database.snapshot() as session:
        tokens = {row.n: row.digest for row in session.scalars(select(JournalEntry))}
        seqs = list(session.scalars(select(Fix.seq).order_by(Fix.seq)))
    assert tokens == {n: receipt.digest for n, receipt in promised.items()}
    assert {receipt.accepted for receipt in promised.values()} == {EACH}
    assert seqs == list(range(1, TOKENS * EACH + 1))
