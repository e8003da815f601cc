"""Officers' bearer tokens: sessions and API keys, of one kind, kept as hashes.

A session ends 30 minutes after its last request and 12 hours after sign-in (CJIS, ASVS 5.0). An
API token has a name, a date of expiry and scopes; both die with the officer's account, and can
do nothing any more that the officer's role does not allow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update

from backend.audit import service as audit
from backend.core.actor import Actor, ActorKind, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.keys import new_token, token_hash
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity.models import OfficerRow, OfficerTokenRow, TokenKind
from backend.identity.roles import PERMISSIONS, PERSON_ONLY

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=12)
API_LONGEST: Final = timedelta(days=365)
USE_RECORDED_EVERY: Final = timedelta(minutes=1)
"""So long a use may go unrecorded: a session may end this much early, never late."""

OWN: Final = "own"
"""The scope that narrows a token to the people assigned to its officer."""

MAX_BEARER: Final = 100
_PREFIX: Final = {TokenKind.SESSION: "cxs", TokenKind.API: "cxt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Who holds a good token. `use_is_due` asks the caller to record the use with `touch`."""

    actor: Actor
    token_id: UUID
    use_is_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token as its owner may see it again."""

    id: UUID
    name: str
    permissions: frozenset[Permission]
    own_only: bool
    created_at: datetime
    expires_at: datetime
    used_at: datetime

    @property
    def scopes(self) -> list[str]:
        """The permissions by name, and `own` if it is narrowed to the officer's own people."""
        return sorted(p.value for p in self.permissions) + [OWN] * self.own_only


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken(Token):
    """A token with its secret, which is shown this once."""

    secret: str = field(repr=False)


def authenticate(
    session: Session, bearer: str, *, now: datetime, address: str | None
) -> Authenticated | None:
    """Return who presents `bearer`; None, without a reason, for anything that does not hold."""
    if len(bearer) > MAX_BEARER:
        return None
    # Looked up by its hash: timing would tell of hashes, from which no token can be made.
    found = session.execute(
        select(OfficerTokenRow, OfficerRow)
        .join(OfficerRow, OfficerRow.id == OfficerTokenRow.officer_id)
        .where(OfficerTokenRow.secret_hash == token_hash(bearer))
    ).one_or_none()
    if found is None:
        return None
    token, officer = found
    if not _is_good(token, officer, now):
        return None
    return Authenticated(
        actor=Actor(
            kind=ActorKind.OFFICER,
            id=officer.id,
            agency_id=officer.agency_id,
            permissions=_permissions(token, officer),
            own_only=token.own_only,
            address=address,
        ),
        token_id=token.id,
        use_is_due=now - token.used_at >= USE_RECORDED_EVERY,
    )


def _is_good(token: OfficerTokenRow, officer: OfficerRow, now: datetime) -> bool:
    # 1. Nobody ended it.
    if token.revoked_at is not None:
        return False
    # 2. Its time is not over.
    if now >= token.expires_at:
        return False
    # 3. A session was not left alone.
    if token.kind is TokenKind.SESSION and now - token.used_at >= IDLE:
        return False
    # 4. The officer still belongs here.
    return officer.disabled_at is None


def _permissions(token: OfficerTokenRow, officer: OfficerRow) -> frozenset[Permission]:
    """Return what the token allows and the officer's present role still does."""
    allowed = PERMISSIONS[officer.role]
    if token.scopes is None:
        return allowed
    return frozenset(permission for permission in allowed if permission.value in token.scopes)


def touch(session: Session, token_id: UUID, now: datetime) -> None:
    """Record that the token was used, which keeps a session alive."""
    session.execute(
        update(OfficerTokenRow)
        .where(OfficerTokenRow.id == token_id, OfficerTokenRow.used_at < now)
        .values(used_at=now)
    )


def open_session(session: Session, officer_id: UUID, *, now: datetime) -> IssuedToken:
    """Return a new session of an officer who has just proved who they are; forget ended ones."""
    session.execute(
        delete(OfficerTokenRow).where(
            OfficerTokenRow.officer_id == officer_id,
            OfficerTokenRow.kind == TokenKind.SESSION,
            OfficerTokenRow.expires_at <= now,
        )
    )
    return _issue(
        session,
        officer_id,
        kind=TokenKind.SESSION,
        name="",
        permissions=None,
        own_only=False,
        expires_at=now + ABSOLUTE,
        now=now,
    )


def create_token(
    session: Session,
    actor: Actor,
    *,
    name: str,
    permissions: frozenset[Permission],
    own_only: bool,
    expires_at: datetime,
    now: datetime,
) -> IssuedToken:
    """Make an API token of the acting officer and return it with its secret. Audited.

    It may do at the most what the officer may do now, and never manage tokens or officers.
    Raises FORBIDDEN; INVALID_REQUEST for an expiry in the past or more than a year away.
    """
    actor.require(Permission.TOKEN_MANAGE)
    if not permissions <= actor.permissions - PERSON_ONLY:
        raise Problem(
            Code.FORBIDDEN, "A token can only do what you may do yourself.", pointer="/scopes"
        )
    if not now < expires_at <= now + API_LONGEST:
        raise Problem(
            Code.INVALID_REQUEST,
            "A token expires in the future, within a year.",
            pointer="/expires_at",
        )
    issued = _issue(
        session,
        _officer_id(actor),
        kind=TokenKind.API,
        name=name,
        permissions=permissions,
        own_only=own_only or actor.own_only,
        expires_at=expires_at,
        now=now,
    )
    audit.record(
        session,
        actor,
        audit.Act.TOKEN_CREATED,
        subject=("token", issued.id),
        now=now,
        details={"scopes": issued.scopes},
    )
    return issued


def tokens(session: Session, actor: Actor, *, cursor: Cursor, now: datetime) -> Page[Token]:
    """Return a page of the acting officer's own usable API tokens. Raises FORBIDDEN."""
    actor.require(Permission.TOKEN_MANAGE)
    statement = select(OfficerTokenRow).where(
        OfficerTokenRow.officer_id == _officer_id(actor),
        OfficerTokenRow.kind == TokenKind.API,
        OfficerTokenRow.revoked_at.is_(None),
        OfficerTokenRow.expires_at > now,
    )
    page: Page[OfficerTokenRow] = fetch_page(session, statement, OfficerTokenRow.id, cursor)
    return Page(items=[_token(row) for row in page.items], next=page.next)


def revoke_token(session: Session, actor: Actor, token_id: UUID, *, now: datetime) -> None:
    """End one of the acting officer's own API tokens for good. Audited.

    Raises FORBIDDEN, NOT_FOUND.
    """
    actor.require(Permission.TOKEN_MANAGE)
    _revoke(session, actor, token_id, TokenKind.API, audit.Act.TOKEN_REVOKED, now)


def sign_out(session: Session, actor: Actor, token_id: UUID, *, now: datetime) -> None:
    """End the session whose token is `token_id`. Audited. Raises NOT_FOUND for an API token."""
    _revoke(session, actor, token_id, TokenKind.SESSION, audit.Act.OFFICER_SIGNED_OUT, now)


def _revoke(
    session: Session,
    actor: Actor,
    token_id: UUID,
    kind: TokenKind,
    act: audit.Act,
    now: datetime,
) -> None:
    revoked = session.scalar(
        update(OfficerTokenRow)
        .where(
            OfficerTokenRow.id == token_id,
            OfficerTokenRow.officer_id == _officer_id(actor),
            OfficerTokenRow.kind == kind,
            OfficerTokenRow.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(OfficerTokenRow.id)
    )
    if revoked is None:
        raise not_found()
    audit.record(session, actor, act, subject=("token", token_id), now=now)


def end_all(
    session: Session, officer_id: UUID, *, now: datetime, kinds: Iterable[TokenKind] = TokenKind
) -> None:
    """Revoke an officer's tokens; the caller audits why."""
    session.execute(
        update(OfficerTokenRow)
        .where(
            OfficerTokenRow.officer_id == officer_id,
            OfficerTokenRow.kind.in_(list(kinds)),
            OfficerTokenRow.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )


def _issue(
    session: Session,
    officer_id: UUID,
    *,
    kind: TokenKind,
    name: str,
    permissions: frozenset[Permission] | None,
    own_only: bool,
    expires_at: datetime,
    now: datetime,
) -> IssuedToken:
    secret = new_token(_PREFIX[kind])
    row = OfficerTokenRow(
        id=new_id(now),
        officer_id=officer_id,
        kind=kind,
        name=name,
        secret_hash=token_hash(secret),
        scopes=None if permissions is None else sorted(p.value for p in permissions),
        own_only=own_only,
        created_at=now,
        expires_at=expires_at,
        used_at=now,
    )
    session.add(row)
    session.flush()
    return IssuedToken(
        id=row.id,
        name=name,
        permissions=permissions or frozenset(),
        own_only=own_only,
        created_at=now,
        expires_at=expires_at,
        used_at=now,
        secret=secret,
    )


def _officer_id(actor: Actor) -> UUID:
    """Return the acting officer; only officers hold tokens."""
    if actor.kind is not ActorKind.OFFICER or actor.id is None:
        raise Problem(Code.FORBIDDEN, "Only an officer has tokens.")
    return actor.id


def _token(row: OfficerTokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        permissions=frozenset(p for p in Permission if p.value in (row.scopes or ())),
        own_only=row.own_only,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
