"""Location over HTTP: fixes in, and what officers and supervisees may read of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from flask import Response

from backend.core.http import Audience, Blueprint, actor, now, platform, snapshot, transaction
from backend.core.paging import Cursor
from backend.core.schemas import CursorSchema
from backend.devices.authentication import Authentication
from backend.devices.guard import authenticated
from backend.location import dry_run, journal_reading, preview, rejudgements, service
from backend.location.admission import receipt_of
from backend.location.guard import JOURNAL_TYPE, admitted, journalled
from backend.location.schemas import (
    DryRunRequestSchema,
    DryRunSchema,
    EpisodePageSchema,
    FixListSchema,
    FixQuerySchema,
    JournalReceiptSchema,
    KeptTokenPageSchema,
    OrderEndSchema,
    PastPreviewSchema,
    ReceiptSchema,
    RefusalPageSchema,
    RejudgementPageSchema,
    StatusSchema,
    SuspicionPageSchema,
)
from backend.proof.receipt import JournalReceipt, sign_journal_receipt

fixes = Blueprint(
    "fixes",
    __name__,
    url_prefix="/v1",
    audience=Audience.SUPERVISEE,
    description="Signed live fixes",
)
journals = Blueprint(
    "journal",
    __name__,
    url_prefix="/v1",
    audience=Audience.DEVICE,
    description="Buffered fixes",
)
mine = Blueprint(
    "own refusals",
    __name__,
    url_prefix="/v1/me",
    audience=Audience.SUPERVISEE_UNGATED,
    description="What a refused person may still read",
)
officers = Blueprint(
    "location",
    __name__,
    url_prefix="/v1/supervisees/<uuid:supervisee_id>",
    audience=Audience.OFFICER,
    description="Where a person was, and what was judged of it",
)
drafts = Blueprint(
    "dry runs",
    __name__,
    url_prefix="/v1/zones",
    audience=Audience.OFFICER,
    keeps_answers=False,
    description="What a zone or a schedule would have raised",
)
previews = Blueprint(
    "previews",
    __name__,
    url_prefix="/v1",
    audience=Audience.OFFICER,
    keeps_answers=False,
    description="What an act that reaches into the past would make different",
)


@fixes.route("/fixes", methods=["POST"])
@fixes.response(200, ReceiptSchema)
def record_fix() -> Response:
    """Take the fix that is signed into the request's proof; the body is empty.

    The same fix again gets the same receipt. `docs/protocol.md` describes the proof.
    """
    admission = admitted()
    keys = platform().part(Authentication).server_keys
    answer: dict[str, object] = {
        "seq": admission.seq,
        "receipt": receipt_of(admission, keys, platform().settings.public_url),
        "basis": admission.basis.value,
        "next_fix_s": admission.next_fix_s,
    }
    told = authenticated().proof.journal
    if told is not None:
        with snapshot() as session:
            answer["journal"] = journal_reading.standing(
                session, admission.key.activation_id, told
            ).as_json()
    # Marshmallow would cost more than the signature; the schema above documents the answer.
    return Response(msgspec.json.encode(answer), content_type="application/json")


_TOKEN_BODY = {"required": True, "content": {JOURNAL_TYPE: {"schema": {"type": "string"}}}}


@journals.route("/journal", methods=["POST"])
@journals.response(200, JournalReceiptSchema)
@journals.doc(requestBody=_TOKEN_BODY)
def record_journal() -> Response:
    """Take a journal token, the body; the same token again gets the same receipt."""
    taken = journalled()
    facts = JournalReceipt(
        issuer=platform().settings.public_url,
        jkt=taken.who.key.jkt,
        n=taken.n,
        digest=taken.digest,
        received_at=taken.received_at,
        accepted=taken.accepted,
        refused=len(taken.refusals),
    )
    answer = {
        "n": taken.n,
        "receipt": sign_journal_receipt(facts, platform().part(Authentication).server_keys),
        "accepted": taken.accepted,
        "refused": taken.refusals,
        "missing": [span._asdict() for span in taken.missing],
        "unaccounted": [span._asdict() for span in taken.unaccounted],
    }
    return Response(msgspec.json.encode(answer), content_type="application/json")


@mine.route("/refusals")
@mine.arguments(CursorSchema, location="query")
@mine.response(200, RefusalPageSchema)
def list_own_refusals(cursor: Cursor) -> Any:
    """List one's own refusals, newest first; needs no location."""
    with snapshot() as session:
        return service.own_refusals(session, actor(), cursor)


@officers.route("/fixes")
@officers.arguments(FixQuerySchema, location="query")
@officers.response(200, FixListSchema)
def list_fixes(query: dict[str, Any], supervisee_id: UUID) -> Any:
    """List a person's fixes, newest first; the reading is audited."""
    with transaction() as session:
        return service.list_fixes(session, actor(), supervisee_id, **query, now=now())


@officers.route("/journal")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, KeptTokenPageSchema)
def list_tokens(cursor: Cursor, supervisee_id: UUID) -> Any:
    """List a person's journal tokens, latest received first; forked ones are marked."""
    with snapshot() as session:
        return journal_reading.list_tokens(session, actor(), supervisee_id, cursor)


@officers.route("/journal/<uuid:token_id>")
@officers.response(200, {"type": "string"}, content_type=JOURNAL_TYPE)
def read_token(supervisee_id: UUID, token_id: UUID) -> Response:
    """Give a journal token as the phone signed it, for whoever wants to verify it; audited."""
    with transaction() as session:
        text = journal_reading.signed_token(session, actor(), supervisee_id, token_id, now())
    name = {"Content-Disposition": f'attachment; filename="journal-{token_id}.jwt"'}
    return Response(text, headers=name, content_type=JOURNAL_TYPE)


@officers.route("/episodes")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, EpisodePageSchema)
def list_episodes(cursor: Cursor, supervisee_id: UUID) -> Any:
    """List a person's episodes as judged now; distances to a victim's zone are audited."""
    with transaction() as session:
        return service.list_episodes(session, actor(), supervisee_id, cursor, now())


@officers.route("/refusals")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, RefusalPageSchema)
def list_refusals(cursor: Cursor, supervisee_id: UUID) -> Any:
    """List the requests of a person that were refused for lack of location."""
    with snapshot() as session:
        return service.list_refusals(session, actor(), supervisee_id, cursor)


@officers.route("/suspicions")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, SuspicionPageSchema)
def list_suspicions(cursor: Cursor, supervisee_id: UUID) -> Any:
    """List stretches of fixes that are hard to believe; the reading is audited."""
    with transaction() as session:
        return service.list_suspicions(session, actor(), supervisee_id, cursor, now())


@officers.route("/status")
@officers.response(200, StatusSchema)
def status(supervisee_id: UUID) -> Any:
    """Show how things stand with a person's location; the reading is audited."""
    with transaction() as session:
        return service.status(session, actor(), supervisee_id, now())


@officers.route("/rejudgements")
@officers.arguments(CursorSchema, location="query")
@officers.response(200, RejudgementPageSchema)
def list_rejudgements(cursor: Cursor, supervisee_id: UUID) -> Any:
    """List what changes of the rules for the past made different, latest first."""
    with transaction() as session:
        return rejudgements.list_rejudgements(session, actor(), supervisee_id, cursor, now())


@previews.route("/absences/<uuid:absence_id>/preview", methods=["POST"])
@previews.response(200, PastPreviewSchema)
def preview_absence(absence_id: UUID) -> Any:
    """Tell what approving an absence would make different; keeps nothing, asking is audited."""
    with snapshot() as session:
        trial = preview.gather_absence(session, actor(), absence_id, now=now())
    return _previewed(trial)


@previews.route("/orders/<uuid:order_id>/preview", methods=["POST"])
@previews.arguments(OrderEndSchema)
@previews.response(200, PastPreviewSchema)
def preview_end(data: dict[str, Any], order_id: UUID) -> Any:
    """Tell what another end of an order would make different; keeps nothing, asking is audited."""
    with snapshot() as session:
        trial = preview.gather_end(session, actor(), order_id, **data, now=now())
    return _previewed(trial)


def _previewed(trial: preview.Trial) -> preview.Preview:
    """Judge with no transaction open; keep that it was asked."""
    found = preview.judge(trial)
    with transaction() as session:
        return preview.record(session, actor(), trial, found, now())


@drafts.route("/dry-run", methods=["POST"])
@drafts.arguments(DryRunRequestSchema)
@drafts.response(200, DryRunSchema)
def try_draft(request: dict[str, Any]) -> Any:
    """Judge a draft against a person's past fixes; keeps nothing, the reading is audited."""
    with snapshot() as session:
        trial = dry_run.gather(session, actor(), **request, now=now())
    found = dry_run.judge(trial)
    with transaction() as session:
        dry_run.record(session, actor(), trial, now())
    return found


BLUEPRINTS = (fixes, journals, mine, officers, drafts, previews)
