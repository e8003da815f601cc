"""What location takes and gives over HTTP."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from backend.alerts.kinds import AlertKind, Severity
from backend.conditions.schemas import ZoneDraftSchema
from backend.conditions.service import Advice, ConditionKind, Draft
from backend.core.schemas import CursorSchema, Formatted, Instant, Schema, page_of
from backend.location.refusals import RefusalReason
from geofence import Change
from geofence.plausibility import SignalKind


class SpanSchema(Schema):
    """Whole numbers, from first to last."""

    first = ma.fields.Integer(required=True)
    last = ma.fields.Integer(required=True)


class RefusedFixSchema(Schema):
    """A fix of a token that does not count."""

    seq = ma.fields.Integer(required=True)
    reason = ma.fields.String(
        required=True,
        metadata={
            "description": "A reason of the gate, or NO_ORDER: taken under no order, not kept"
        },
    )


class JournalReceiptSchema(Schema):
    """A journal token was taken."""

    n = ma.fields.Integer(required=True, metadata={"description": "The token's number"})
    receipt = ma.fields.String(
        required=True,
        metadata={
            "description": "JWS by the server (`/.well-known/jwks.json`): jkt, n, hash, counts"
        },
    )
    accepted = ma.fields.Integer(required=True)
    refused = ma.fields.List(ma.fields.Nested(RefusedFixSchema), required=True)
    missing = ma.fields.List(
        ma.fields.Nested(SpanSchema),
        required=True,
        metadata={"description": "Numbers of tokens that have not come: send them"},
    )
    unaccounted = ma.fields.List(
        ma.fields.Nested(SpanSchema),
        required=True,
        metadata={"description": "Numbers of fixes that neither came nor were declared as a gap"},
    )


class JournalStandingSchema(Schema):
    """How the journal stands of which a live proof named the last token."""

    standing = ma.fields.String(
        required=True, validate=ma.validate.OneOf(["complete", "behind", "forked"])
    )
    missing = ma.fields.List(ma.fields.Nested(SpanSchema), required=True)


class KeptTokenSchema(Schema):
    """One journal token as kept."""

    id = ma.fields.UUID(required=True)
    activation_id = ma.fields.UUID(required=True)
    n = ma.fields.Integer(required=True)
    received_at = Instant(required=True)
    forked = ma.fields.Boolean(
        required=True, metadata={"description": "Contradicts another token: evidence, not judged"}
    )
    accepted = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    refusals = ma.fields.List(ma.fields.Nested(RefusedFixSchema), required=True)
    gaps = ma.fields.List(ma.fields.Nested(SpanSchema), required=True)
    unaccounted = ma.fields.List(ma.fields.Nested(SpanSchema), required=True)
    digest = ma.fields.String(required=True)


KeptTokenPageSchema = page_of(KeptTokenSchema)


class ReceiptSchema(Schema):
    """A fix was accepted."""

    seq = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "The fix's number; null if none"}
    )
    receipt = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "JWS by the server (`/.well-known/jwks.json`): proof for the phone "
            "that the fix was received"
        },
    )
    basis = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["located", "exempted", "no-order"]),
        metadata={"description": "Why the request was let in"},
    )
    next_fix_s = ma.fields.Integer(
        required=True, metadata={"description": "In how many seconds the next fix is wanted"}
    )
    journal = ma.fields.Nested(
        JournalStandingSchema,
        metadata={"description": "Only where the proof named the last journal token"},
    )


class WindowSchema(CursorSchema):
    """Which stretch of time a list is about."""

    since = Instant(load_default=None)
    until = Instant(load_default=None)


class SignalSchema(Schema):
    """One thing that is odd, in the kind's own unit."""

    kind = ma.fields.Enum(SignalKind, by_value=True, required=True)
    value = ma.fields.Float(required=True)
    limit = ma.fields.Float(
        required=True, metadata={"description": "From this value on it is a signal"}
    )


class OdditySchema(Schema):
    """What is odd about a fix, found in the order in which fixes were taken; it may change."""

    score = ma.fields.Float(
        required=True, metadata={"description": "Between 0 and 1: the more, the odder"}
    )
    signals = ma.fields.List(ma.fields.Nested(SignalSchema), required=True)


class SuspicionSchema(OdditySchema):
    """A stretch of fixes that are hard to believe; no violation by itself."""

    id = ma.fields.UUID(required=True)
    since = Instant(required=True)
    until = Instant(required=True)
    companion_id = ma.fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "With whose phone it moved as one, if you may see that person"},
    )
    alert_id = ma.fields.UUID(required=True)
    withdrawn = ma.fields.Boolean(
        required=True, metadata={"description": "Whether later fixes explained it"}
    )


class FixSchema(Schema):
    """One stored fix with its marks."""

    activation_id = ma.fields.UUID(required=True)
    seq = ma.fields.Integer(required=True)
    taken_at = Instant(required=True)
    received_at = Instant(required=True)
    latitude = ma.fields.Float(required=True)
    longitude = ma.fields.Float(required=True)
    accuracy_m = ma.fields.Float(
        required=True, metadata={"description": "Radius in metres that holds in 95 of 100 cases"}
    )
    usable = ma.fields.Boolean(
        required=True, metadata={"description": "Whether verdicts may rest on it"}
    )
    refused = ma.fields.Enum(RefusalReason, by_value=True, required=True, allow_none=True)
    signals = ma.fields.List(
        ma.fields.String(),
        required=True,
        metadata={"description": "What the gate found odd on arrival, by name"},
    )
    oddity = ma.fields.Nested(
        OdditySchema,
        required=True,
        allow_none=True,
        metadata={"description": "What was found since; null: nothing is odd"},
    )
    assurance = ma.fields.String(
        required=True, metadata={"description": "How well the phone's key was vouched for"}
    )
    digest = ma.fields.String(
        required=True, metadata={"description": "SHA-256 of what was signed, hexadecimal"}
    )
    delayed = ma.fields.Boolean(
        required=True, metadata={"description": "It came in a journal, after it was taken"}
    )
    journal_n = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The journal token that brought it; null for a live one"},
    )


class FixListSchema(Schema):
    """Fixes in the order in which they were taken, newest first."""

    items = ma.fields.List(ma.fields.Nested(FixSchema), required=True)
    next = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Cursor of the next page"}
    )


class FixQuerySchema(Schema):
    """Which fixes."""

    since = Instant(load_default=None)
    until = Instant(load_default=None)
    after = Formatted(
        load_default=None,
        validate=ma.validate.Regexp(r"^\d{1,15}:\d{1,15}\Z"),
        metadata={"description": "`next` of the page before this one"},
    )
    limit = ma.fields.Integer(load_default=200, validate=ma.validate.Range(min=1, max=1000))


class EvidenceSchema(Schema):
    """One fix on which an episode rests."""

    digest = ma.fields.String(required=True)
    at = Instant(required=True)
    distance_m = ma.fields.Float(required=True)
    accuracy_m = ma.fields.Float(required=True)
    role = ma.fields.String(required=True)


class EpisodeSchema(Schema):
    """A span in which a rule was, or may have been, broken, as judged now."""

    id = ma.fields.UUID(required=True)
    condition_id = ma.fields.UUID(required=True)
    condition_version = ma.fields.Integer(required=True)
    perimeter = ma.fields.String(required=True)
    certainty = ma.fields.String(required=True)
    onset = Instant(required=True)
    ended = Instant(required=True, allow_none=True)
    alert_id = ma.fields.UUID(required=True, allow_none=True)
    withdrawn = ma.fields.Boolean(
        required=True, metadata={"description": "Whether later facts took it back"}
    )
    kept_at = Instant(
        required=True,
        allow_none=True,
        metadata={
            "description": "When the rules were changed for its time: it stands as an officer "
            "decided on it, and is no longer what is judged"
        },
    )
    facts = ma.fields.Dict(
        required=True,
        metadata={"description": "Fixes used, distances, accuracy, rule, window, engine"},
    )


class RefusalSchema(Schema):
    """One request that was turned away; never a violation by itself."""

    id = ma.fields.UUID(required=True)
    reference = ma.fields.String(required=True)
    reason = ma.fields.Enum(RefusalReason, by_value=True, required=True)
    at = Instant(required=True)
    what = ma.fields.String(required=True)
    what_to_do = ma.fields.String(required=True)


class StatusSchema(Schema):
    """How things stand with one person's location."""

    last_received_at = Instant(required=True, allow_none=True)
    judged_until = Instant(required=True, allow_none=True)
    silent = ma.fields.Boolean(required=True)
    last_fix = ma.fields.Nested(FixSchema, required=True, allow_none=True)
    last_suspicion = ma.fields.Nested(
        SuspicionSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The latest stretch of fixes that are hard to believe"},
    )
    open_episodes = ma.fields.List(ma.fields.Nested(EpisodeSchema), required=True)


class DryRunRequestSchema(ZoneDraftSchema):
    """A draft, and which part of a person's past it is tried on."""

    supervisee_id = ma.fields.UUID(required=True)
    kind = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf([kind.value for kind in ConditionKind if kind.monitored]),
    )
    since = Instant(required=True, metadata={"description": "As if in force from then on"})
    until = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "At most 31 days after `since`; left out: now"},
    )

    @ma.post_load
    def make_request(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the draft and its kind as conditions know them, and the rest as it came."""
        draft = Draft(
            title="", **{name: data.pop(name) for name in ("zone", "buffer_m", "schedule")}
        )
        return data | {"draft": draft, "kind": ConditionKind(data["kind"])}


class WouldBeAlertSchema(Schema):
    """What officers would have been told."""

    kind = ma.fields.Enum(AlertKind, by_value=True, required=True)
    severity = ma.fields.Enum(Severity, by_value=True, required=True)
    raised_at = Instant(
        required=True, metadata={"description": "By the fixes' own times, none of them late"}
    )
    withdrawn = ma.fields.Boolean(
        required=True, metadata={"description": "Whether later fixes would have taken it back"}
    )


class WouldBeEpisodeSchema(Schema):
    """A span in which the draft would have been, or might have been, broken."""

    certainty = ma.fields.String(required=True)
    perimeter = ma.fields.String(required=True)
    onset = Instant(required=True)
    ended = Instant(required=True, allow_none=True)
    alert = ma.fields.Nested(
        WouldBeAlertSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null: kept as a sighting, told to nobody"},
    )
    sentence_en = ma.fields.String(required=True)
    sentence_es = ma.fields.String(required=True)
    facts = ma.fields.Dict(required=True, metadata={"description": "As an episode's"})


class UnknownWindowSchema(Schema):
    """A window of the draft began and no fresh fix shows where the person was: no violation."""

    window_began = Instant(required=True)
    last_fix_at = Instant(required=True, allow_none=True)


class DryRunCountsSchema(Schema):
    """How many of each there were, listed or not."""

    alerts = ma.fields.Integer(required=True)
    confirmed = ma.fields.Integer(required=True)
    possible = ma.fields.Integer(required=True)
    sightings = ma.fields.Integer(required=True)
    taken_back = ma.fields.Integer(required=True)
    no_data = ma.fields.Integer(required=True)


class DryRunSchema(Schema):
    """What a draft would have raised in `since <= t < until`."""

    since = Instant(required=True)
    until = Instant(required=True)
    fixes = ma.fields.Integer(
        required=True, metadata={"description": "How many usable fixes were judged"}
    )
    advice = ma.fields.List(
        ma.fields.Enum(Advice, by_value=True),
        required=True,
        metadata={"description": "What to think over in the draft"},
    )
    counts = ma.fields.Nested(DryRunCountsSchema, required=True)
    episodes = ma.fields.List(ma.fields.Nested(WouldBeEpisodeSchema), required=True)
    truncated = ma.fields.Boolean(
        required=True, metadata={"description": "Whether there were more episodes than are listed"}
    )
    no_data = ma.fields.List(ma.fields.Nested(UnknownWindowSchema), required=True)


class OrderEndSchema(Schema):
    """When an order would end."""

    ends_at = Instant(
        required=True, allow_none=True, metadata={"description": "Null: it would have no end"}
    )


class PastVerdictSchema(Schema):
    """One episode as judged before, or now."""

    condition_version = ma.fields.Integer(required=True)
    certainty = ma.fields.String(required=True)
    onset = Instant(required=True)
    ended = Instant(required=True, allow_none=True)
    sentence_en = ma.fields.String(required=True)
    sentence_es = ma.fields.String(required=True)
    facts = ma.fields.Dict(required=True, metadata={"description": "As an episode's"})


class PastFindingSchema(Schema):
    """What becomes of one episode when its time is judged by other rules."""

    change = ma.fields.Enum(Change, by_value=True, required=True)
    decided = ma.fields.Boolean(
        required=True,
        metadata={"description": "An officer decided on it: it stands, and so does its alert"},
    )
    episode_id = ma.fields.UUID(required=True, allow_none=True)
    alert_id = ma.fields.UUID(required=True, allow_none=True)
    into = ma.fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The episode of which a merged one is a part"},
    )
    condition_id = ma.fields.UUID(required=True)
    perimeter = ma.fields.String(required=True)
    was = ma.fields.Nested(PastVerdictSchema, required=True, allow_none=True)
    becomes = ma.fields.List(ma.fields.Nested(PastVerdictSchema), required=True)
    sentence_en = ma.fields.String(required=True)
    sentence_es = ma.fields.String(required=True)


class PastPreviewSchema(Schema):
    """What would be judged differently in `since <= t < until`; nothing of it is kept."""

    supervisee_id = ma.fields.UUID(required=True)
    since = Instant(required=True)
    until = Instant(
        required=True,
        metadata={"description": "Up to when was judged; `since`: nothing is reached"},
    )
    findings = ma.fields.List(ma.fields.Nested(PastFindingSchema), required=True)


class CauseSchema(Schema):
    """What changed the rules for the past."""

    act = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "As in the audit record; null: the agency's numbers, or the engine"
        },
    )
    subject_kind = ma.fields.String(required=True, allow_none=True)
    subject_id = ma.fields.UUID(required=True, allow_none=True)
    at = Instant(required=True, allow_none=True)


class RejudgementSchema(Schema):
    """One time that `since <= t < until` was judged again by other rules, and what differs."""

    id = ma.fields.UUID(required=True)
    at = Instant(required=True)
    since = Instant(required=True)
    until = Instant(required=True)
    causes = ma.fields.List(ma.fields.Nested(CauseSchema), required=True)
    findings = ma.fields.List(ma.fields.Nested(PastFindingSchema), required=True)


RejudgementPageSchema: Any = page_of(RejudgementSchema)
RefusalPageSchema: Any = page_of(RefusalSchema)
SuspicionPageSchema: Any = page_of(SuspicionSchema)
EpisodePageSchema: Any = page_of(EpisodeSchema)
