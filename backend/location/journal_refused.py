"""The answer to a journal token that does not hold."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

from backend.core.errors import Code, Problem
from backend.proof.journal_refusal import JournalRefused

TAKEN: Final = Counter("connectrex_journal_tokens", "Journal tokens by what became of them", ["as"])


def refused(answer: JournalRefused) -> Problem:
    """Return the answer to a token that does not hold, and count it."""
    TAKEN.labels(answer.reason.name).inc()
    members: dict[str, object] = {"reason": answer.reason.name}
    if answer.member is not None:
        members["member"] = answer.member
    return Problem(Code.JOURNAL_REFUSED, answer.reason.value, members=members)
