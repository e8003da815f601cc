"""The tables of the journal: chains, tokens and their fixes, read and written for many at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select

from backend.core.clock import unix_s
from backend.core.db import Session, table_of
from backend.core.rows import KEYS, Row, RowCopier, RowReader, RowWriter, Writing, write_together
from backend.devices import service as devices
from backend.devices.service import KeyContext
from backend.location import fix_rows, judging
from backend.location.chain import Known, Span, gaps_between
from backend.location.fix_rows import FixRows
from backend.location.models import Fix, JournalChain, JournalEntry
from backend.location.refusals import RefusalReason

_CHAINS: Final = table_of(JournalChain)
_TOKENS: Final = table_of(JournalEntry)
_FIXES: Final = table_of(Fix)


class Chain(msgspec.Struct):
    """A chain's row (`JournalChain`) as it is now; changed as tokens come."""

    activation_id: UUID
    supervisee_id: UUID
    start: bytes
    started_s: int
    complete_n: int
    head_n: int
    head: bytes
    seq_to: int
    forks: int


class StoredFix(NamedTuple):
    """What is kept under a fix's number already."""

    digest: bytes
    refused: RefusalReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterToken:
    """What a token that came before its turn said of numbers."""

    n: int
    gaps: list[Span]
    last_seq: int


_NAMES: Final = Chain.__struct_fields__
_FIND_CHAINS: Final = RowReader(
    select(*(_CHAINS.c[name] for name in _NAMES)).where(_CHAINS.c.activation_id == KEYS)
)
_KEEP_CHAINS: Final = RowWriter(_CHAINS, replaces=True)
_KEEP_TOKENS: Final = RowCopier(_TOKENS)


class JournalStore:
    """The journal in one transaction: what is added waits until something is read, or `write`.

    The people whose chains these are must be locked.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._chains: dict[UUID, Chain] = {}
        self._tokens: list[dict[str, Any]] = []
        self._fixes: list[FixRows] = []
        self._checkpoints: list[Row] = []

    def gather(self, keys: Collection[KeyContext]) -> None:
        """Read the chains of these keys' activations, or begin them."""
        owners = {key.activation_id: key.supervisee_id for key in keys}
        for row in _FIND_CHAINS.read(self._session, owners):
            chain = Chain(*row)
            self._chains[chain.activation_id] = chain
        for activation_id in owners.keys() - self._chains.keys():
            self._chains[activation_id] = self._begin(activation_id, owners[activation_id])

    def chain(self, activation_id: UUID) -> Chain:
        """Return a gathered chain; what is changed in it is written."""
        return self._chains[activation_id]

    def add_fixes(self, rows: FixRows) -> None:
        """Remember the fixes of a token to be written."""
        self._fixes.append(rows)

    def add_token(self, row: dict[str, Any]) -> None:
        """Remember a token to be written."""
        self._tokens.append(row)

    def add_checkpoint(self, checkpoint: Row) -> None:
        """Remember a state from which judging may begin again."""
        self._checkpoints.append(checkpoint)

    def write_facts(self) -> None:
        """Write fixes, tokens and checkpoints: whatever reads them from the tables needs them."""
        self._write_with([])

    def write(self, others: Sequence[Writing]) -> None:
        """Write everything, and what others have to write with it."""
        chains = [msgspec.structs.asdict(chain) for chain in self._chains.values()]
        self._write_with([(_KEEP_CHAINS, chains), *others])

    def _write_with(self, others: Sequence[Writing]) -> None:
        if self._fixes:
            fix_rows.write(self._session, self._fixes)
            self._fixes = []
        _KEEP_TOKENS.write(self._session, self._tokens)
        write_together(self._session, [judging.kept(self._checkpoints), *others])
        self._tokens, self._checkpoints = [], []

    # What is here ---------------------------------------------------------------------------

    def neighbours(self, chain: Chain, n: int) -> dict[int, Known]:
        """Return the tokens beside and under a number; forked ones apart."""
        rows = self._read(
            select(_TOKENS.c.n, _TOKENS.c.digest, _TOKENS.c.prev).where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n.between(n - 1, n + 1),
                _TOKENS.c.forked.is_(False),
            )
        )
        return {row.n: Known(digest=row.digest, prev=row.prev) for row in rows}

    def token(self, chain: Chain, n: int, digest: bytes) -> Any | None:
        """Return the row of this very token, a forked one too; None if it never came."""
        rows = self._read(
            select(
                _TOKENS.c.received_ms, _TOKENS.c.accepted, _TOKENS.c.refusals, _TOKENS.c.unaccounted
            ).where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n == n,
                _TOKENS.c.digest == digest,
            )
        )
        return next(iter(rows), None)

    def later_tokens(self, chain: Chain) -> list[LaterToken]:
        """Return the tokens after the first that is missing, by their numbers."""
        rows = self._read(
            select(_TOKENS.c.n, _TOKENS.c.gaps, _TOKENS.c.last_seq)
            .where(
                _TOKENS.c.activation_id == chain.activation_id,
                _TOKENS.c.n > chain.complete_n,
                _TOKENS.c.forked.is_(False),
            )
            .order_by(_TOKENS.c.n)
        )
        return [
            LaterToken(
                n=row.n,
                gaps=msgspec.json.decode(row.gaps, type=list[Span]),
                last_seq=row.last_seq,
            )
            for row in rows
        ]

    def fixes_between(self, chain: Chain, first: int, last: int) -> dict[int, StoredFix]:
        """Return what is kept under the numbers from `first` to `last`."""
        rows = self._read(
            select(_FIXES.c.seq, _FIXES.c.digest, _FIXES.c.refused).where(
                _FIXES.c.activation_id == chain.activation_id, _FIXES.c.seq.between(first, last)
            )
        )
        return {row.seq: StoredFix(row.digest, row.refused) for row in rows}

    def lacking(self, chain: Chain, after: int) -> list[Span]:
        """Return the numbers above `after`, up to the chain's last, of which no fix is here."""
        rows = self._read(
            select(_FIXES.c.seq)
            .where(
                _FIXES.c.activation_id == chain.activation_id,
                _FIXES.c.seq > after,
                _FIXES.c.seq <= chain.seq_to,
            )
            .order_by(_FIXES.c.seq)
        )
        return gaps_between([*(row.seq for row in rows), chain.seq_to + 1], after)

    def _read(self, statement: Any) -> list[Any]:
        self.write_facts()
        return list(self._session.connection().execute(statement))

    def _begin(self, activation_id: UUID, supervisee_id: UUID) -> Chain:
        """Return a new chain; its person is locked, so nobody else begins it."""
        beginning = devices.beginning_of(self._session, activation_id)
        start = sha256(beginning.challenge.encode("ascii")).digest()
        return Chain(
            activation_id=activation_id,
            supervisee_id=supervisee_id,
            start=start,
            started_s=unix_s(beginning.started_at),
            complete_n=0,
            head_n=0,
            head=start,
            seq_to=0,
            forks=0,
        )
