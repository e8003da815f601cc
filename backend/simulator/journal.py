"""The phone's journal: what it buffers, and the chain of tokens that it signs. A fake, by the wire alone."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from uuid import uuid4

from backend.simulator.proof import ProofKey, base64url

JOURNAL_TYPE: Final = "application/eat+jwt"


class Journal:
    """Buffered fixes, gaps, and the tokens written. `challenge` is that of the enrolment.

    `n` is the number of the last token written, `head` its hash, `unsent` the tokens that the
    server has not taken yet.
    """

    def __init__(self, challenge: str) -> None:
        self.fixes: list[Mapping[str, object]] = []
        self.gaps: list[dict[str, object]] = []
        self.n = 0
        self.head = base64url(sha256(challenge.encode()).digest())
        self.unsent: dict[int, str] = {}

    def lose(self, seq: int, why: str) -> None:
        """Declare that the fix of this number will not come."""
        last = self.gaps[-1] if self.gaps else None
        if last is not None and last["to"] == seq - 1 and last["why"] == why:
            last["to"] = seq
        else:
            self.gaps.append({"from": seq, "to": seq, "why": why})

    def write(self, claims: Mapping[str, object], key: ProofKey) -> str:
        """Sign what was buffered as the next token; it begins anew with nothing."""
        token = key.sign_journal(
            {
                **claims,
                "jti": str(uuid4()),
                "n": self.n + 1,
                "prev": self.head,
                "fixes": self.fixes,
                "gaps": self.gaps,
            }
        )
        self.n += 1
        self.head = digest_of(token)
        self.fixes, self.gaps = [], []
        self.unsent[self.n] = token
        return token


def digest_of(token: str) -> str:
    """What the next token, and the server's receipt, repeat of this one: a hash of what is signed."""
    return base64url(sha256(token.rpartition(".")[0].encode()).digest())
