"""Requests: asked by the person, read and answered by officers.

A request decides nothing. Who asks to be excused from sending their location sends it until an
officer has granted an exemption and another approved it, by the acts that there are for that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select

from backend.audit import service as audit
from backend.audit.acts import Act
from backend.core.actor import Actor, Permission
from backend.core.db import Session
from backend.core.errors import Code, Problem, not_found
from backend.core.ids import new_id
from backend.core.paging import Cursor, Page, fetch_page
from backend.identity import service as identity
from backend.requests.help import Help, help_for
from backend.requests.models import RequestRow, request_of
from backend.requests.notices import tell_answer, tell_officers
from backend.requests.values import NewRequest, Request, RequestKind, RequestState

__all__ = [
    "Help",
    "NewRequest",
    "Request",
    "RequestKind",
    "RequestState",
    "answer_request",
    "ask",
    "help_for",
    "my_requests",
    "read_request",
    "request_to_answer",
    "requests",
]

MAX_OPEN_OF_A_KIND: Final = 3
"""Of each kind by itself: who reports much that is broken does not lose a right by it."""


def ask(session: Session, actor: Actor, new: NewRequest, *, now: datetime) -> Request:
    """Return what the acting person asks, which officers hear of; audited.

    The same again, while it waits, is the one that waits: its first answer may have been lost.
    Raises FORBIDDEN for anybody but a supervised person, INVALID_REQUEST, TOO_MANY_OPEN.
    """
    _require_sensible(new, now)
    person = identity.get_supervisee(session, actor, actor.supervisee, locked=True)
    waiting = session.scalars(
        select(RequestRow).where(
            RequestRow.supervisee_id == person.id,
            RequestRow.kind == new.kind,
            RequestRow.state == RequestState.OPEN,
        )
    ).all()
    for row in waiting:
        if (row.text, row.starts_at, row.ends_at) == (new.text, new.starts_at, new.ends_at):
            return request_of(row)
    if len(waiting) >= MAX_OPEN_OF_A_KIND:
        detail = "Your earlier ones wait for an answer. If it cannot wait, call your agency."
        raise Problem(Code.TOO_MANY_OPEN, detail, members={"limit": MAX_OPEN_OF_A_KIND})
    return _keep(session, actor, new, now)


def my_requests(session: Session, actor: Actor, cursor: Cursor) -> Page[Request]:
    """Return a page of the acting person's own requests with their answers, newest first.

    Raises FORBIDDEN for anybody but a supervised person.
    """
    return _page(session, _theirs(actor.supervisee), cursor)


def requests(
    session: Session,
    actor: Actor,
    *,
    kind: RequestKind | None = None,
    state: RequestState | None = None,
    supervisee_id: UUID | None = None,
    cursor: Cursor,
) -> Page[Request]:
    """Return a page of the requests of everybody whom the officer may see, newest first.

    Raises FORBIDDEN.
    """
    actor.require(Permission.REQUEST_READ)
    found = _visible(actor)
    if kind is not None:
        found = found.where(RequestRow.kind == kind)
    if state is not None:
        found = found.where(RequestRow.state == state)
    if supervisee_id is not None:
        found = found.where(RequestRow.supervisee_id == supervisee_id)
    return _page(session, found, cursor)


def read_request(session: Session, actor: Actor, request_id: UUID) -> Request:
    """Return one request to an officer. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.REQUEST_READ)
    return request_of(_find(session, _visible(actor), request_id))


def request_to_answer(session: Session, actor: Actor, request_id: UUID) -> Request:
    """Return a request, locked until the transaction ends. Raises FORBIDDEN, NOT_FOUND."""
    actor.require(Permission.REQUEST_ANSWER)
    return request_of(_find(session, _visible(actor).with_for_update(), request_id))


def answer_request(
    session: Session,
    actor: Actor,
    request_id: UUID,
    *,
    outcome: RequestState,
    answer: str,
    now: datetime,
) -> Request:
    """Return the request with an officer's answer, of which the person is told; audited.

    `outcome` is ANSWERED or DECLINED. Raises FORBIDDEN, NOT_FOUND, ILLEGAL_TRANSITION when it was
    answered before.
    """
    actor.require(Permission.REQUEST_ANSWER)
    row = _find(session, _visible(actor).with_for_update(), request_id)
    if row.state is not RequestState.OPEN:
        raise Problem(Code.ILLEGAL_TRANSITION, "This has been answered already.")
    row.state, row.answer = outcome, answer
    row.answered_by, row.answered_at = actor.id, now
    _record(session, actor, Act.REQUEST_ANSWERED, row, now)
    tell_answer(session, row, now)
    return request_of(row)


def _require_sensible(new: NewRequest, now: datetime) -> None:
    begins, ends = new.starts_at, new.ends_at
    if new.kind is not RequestKind.EXEMPTION and (begins or ends):
        pointer = "/starts_at" if begins else "/ends_at"
        raise Problem(Code.INVALID_REQUEST, "Only an exemption has times.", pointer=pointer)
    if ends is not None and ends <= (begins or now):
        raise Problem(Code.INVALID_REQUEST, "It ends after it begins.", pointer="/ends_at")


def _keep(session: Session, actor: Actor, new: NewRequest, now: datetime) -> Request:
    row = RequestRow(
        id=new_id(now),
        supervisee_id=actor.supervisee,
        kind=new.kind,
        text=new.text,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        asked_at=now,
        state=RequestState.OPEN,
    )
    session.add(row)
    session.flush()
    _record(session, actor, Act.REQUEST_MADE, row, now)
    tell_officers(session, row, now)
    return request_of(row)


def _theirs(supervisee_id: UUID) -> Select[RequestRow]:
    return select(RequestRow).where(RequestRow.supervisee_id == supervisee_id)


def _visible(actor: Actor) -> Select[RequestRow]:
    people = identity.visible_supervisees(actor)
    return select(RequestRow).where(RequestRow.supervisee_id.in_(people))


def _find(session: Session, visible: Select[RequestRow], request_id: UUID) -> RequestRow:
    row = session.scalar(visible.where(RequestRow.id == request_id))
    if row is None:
        raise not_found()
    return row


def _page(session: Session, found: Select[RequestRow], cursor: Cursor) -> Page[Request]:
    page: Page[RequestRow] = fetch_page(session, found, RequestRow.id, cursor)
    return Page(items=[request_of(row) for row in page.items], next=page.next)


def _record(session: Session, actor: Actor, act: Act, row: RequestRow, now: datetime) -> None:
    audit.record(
        session,
        actor,
        act,
        subject=("request", row.id),
        supervisee_id=row.supervisee_id,
        now=now,
        details={"kind": row.kind, "state": row.state},
    )
