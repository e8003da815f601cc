"""What it costs to read a journal token of the most fixes, before any database: CPU time.

By itself: `python -m benchmarks.parsing`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from statistics import median
from typing import Final

from backend.proof.dpop import PROFILE
from backend.proof.journal import JournalToken, parse_journal
from backend.proof.journal_claims import MAX_FIXES
from backend.simulator.proof import ProofKey, base64url
from benchmarks import raw
from benchmarks.scene import HOME

RUNS: Final = 300
AIM_MS: Final = 2.5
_NOW_S: Final = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """CPU milliseconds of each run; `size` is the token's, in bytes."""

    name: str
    size: int
    runs_ms: list[float]

    def row(self, unit_us: float) -> str:
        """Return the runs as a line of the table."""
        best_ms, median_ms = min(self.runs_ms), median(self.runs_ms)
        return (
            f"{self.name:22} {self.size / 1e3:6.0f} kB {best_ms:8.2f} ms {median_ms:8.2f} ms "
            f"{best_ms * 1e3 / unit_us:7.1f}"
        )


def table(unit_us: float) -> None:
    """Print what parsing costs, and what it costs with the names of the fixes."""
    print(f"{'token of ' + str(MAX_FIXES):22} {'size':>9} {'best':>11} {'median':>11} {'units':>7}")
    for names, said in ((False, "strict parse"), (True, "and the fixes' digests")):
        print(measure(said, names=names).row(unit_us))
    print(f"aim: {AIM_MS} ms")


def measure(said: str, *, names: bool) -> Parsed:
    """Return what RUNS readings of one token cost; with `names` its fixes are hashed, too."""
    key = ProofKey()
    body = _token(key).encode()
    runs_ms = []
    for _ in range(RUNS):
        began = time.process_time()
        _read(body, key.jkt, names=names)
        runs_ms.append((time.process_time() - began) * 1e3)
    return Parsed(name=said, size=len(body), runs_ms=runs_ms)


def _read(body: bytes, jkt: str, *, names: bool) -> None:
    """RuntimeError if the token is not taken: a fast refusal is no speed."""
    token = parse_journal(body, jkt=jkt)
    if not isinstance(token, JournalToken) or len(token.fixes) != MAX_FIXES:
        raise RuntimeError(f"the token was not read: {token}")
    if names and len(token.fix_digests) != MAX_FIXES:
        raise RuntimeError("not every fix has a name")


def _token(key: ProofKey) -> str:
    return key.sign_journal(
        {
            "eat_profile": PROFILE,
            "eat_nonce": "A" * 42,
            "jti": "11f6a1b0-6a39-4f38-8f0e-7c1f5d3e9a02",
            "iss": key.jkt,
            "aud": "https://connectrex.test",
            "iat": _NOW_S,
            "uptime": 90_000,
            "bootcount": 7,
            "n": 2,
            "prev": base64url(sha256(b"the token before").digest()),
            "fixes": [_fix(seq) for seq in range(1, MAX_FIXES + 1)],
            "gaps": [],
        }
    )


def _fix(seq: int) -> dict[str, object]:
    """Return a fix with every member that a phone out of doors sends."""
    return {
        "location": {
            "latitude": round(HOME[0] + seq * 1.3e-5, 7),
            "longitude": round(HOME[1] - seq * 1.7e-5, 7),
            "accuracy": 12.97,
            "altitude": 181.4,
            "heading": 90.5,
            "speed": 1.37,
            "timestamp": _NOW_S + 60 * seq,
        },
        "fix": {
            "seq": seq,
            "mono": 60_000 * seq + 417,
            "src": "gps",
            "hacc": [8.0, 68],
            "mock": False,
            "sats": 14,
            "cn0": 31.5,
        },
    }


if __name__ == "__main__":
    table(raw.verification_us())
