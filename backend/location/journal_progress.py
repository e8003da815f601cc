"""How far a journal is here: which of its tokens are missing, and which fixes nothing accounts for."""

from __future__ import annotations

from backend.location.chain import Span, gaps_between, without
from backend.location.journal_store import Chain, JournalStore
from backend.proof.journal import JournalToken


def move_on(store: JournalStore, chain: Chain, token: JournalToken) -> list[Span]:
    """Move the chain on by a token; return the numbers of fixes that nothing accounts for.

    The token's fixes must be in the store. Of tokens that came before their turn the numbers are
    returned when the last one before them is here.
    """
    if token.n > chain.head_n:
        chain.head_n, chain.head = token.n, token.digest
    if token.n != chain.complete_n + 1:
        return []
    after, gaps = chain.seq_to, [Span(gap.first, gap.last) for gap in token.gaps]
    chain.complete_n = token.n
    chain.seq_to = max(after, last_number(token))
    if chain.head_n > token.n:
        gaps += _catch_up(store, chain)
    if not gaps and chain.complete_n == token.n and _is_run(token, after):
        return []
    return without(store.lacking(chain, after), gaps)


def missing_tokens(store: JournalStore, chain: Chain) -> list[Span]:
    """Return the numbers of tokens that have not come."""
    if chain.complete_n == chain.head_n:
        return []
    here = [later.n for later in store.later_tokens(chain)]
    return gaps_between([*here, chain.head_n + 1], chain.complete_n)


def last_number(token: JournalToken) -> int:
    """Return the greatest number that the token speaks of."""
    fix = token.fixes[-1].fix.seq if token.fixes else 0
    return max(fix, token.gaps[-1].last if token.gaps else 0)


def _catch_up(store: JournalStore, chain: Chain) -> list[Span]:
    """Move on over tokens that came before their turn; return the gaps that they declare."""
    gaps: list[Span] = []
    for later in store.later_tokens(chain):
        if later.n != chain.complete_n + 1:
            break
        chain.complete_n = later.n
        chain.seq_to = max(chain.seq_to, later.last_seq)
        gaps += later.gaps
    return gaps


def _is_run(token: JournalToken, after: int) -> bool:
    """Whether the token's fixes follow each other and `after` without a hole."""
    first, last = token.fixes[0].fix.seq, token.fixes[-1].fix.seq
    return first == after + 1 and last - first + 1 == len(token.fixes)
