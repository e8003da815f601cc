"""What clients send and get about agencies, officers and supervised people."""

from __future__ import annotations

from typing import Any, Final

import marshmallow as ma

from backend.core.actor import Permission
from backend.core.schemas import CursorSchema, Formatted, Instant, Schema, page_of
from backend.identity import passwords, policy
from backend.identity.formats import MAX_EMAIL
from backend.identity.models import Trail
from backend.identity.officers import OfficerData
from backend.identity.policy import AgencyPolicy
from backend.identity.roles import Role
from backend.identity.supervisees import PersonalData
from backend.identity.tokens import OWN
from notifications.formats import Language
from notifications.kind import MessageKind

_NAME: Final = ma.validate.Length(min=1, max=100)
_MAX_CONTACTS: Final = 10
# `$` alone would let a line break pass.
_PHONE: Final = ma.validate.Regexp(r"^\+[1-9][0-9]{6,14}(?!\n)$", error="Give E.164: +15555550100.")
_HTTPS_URL: Final = ma.validate.Regexp(
    rf"^{policy.HTTPS_URL.pattern}(?!\n)$", error="Give an https address."
)
_CURRENCY: Final = ma.validate.Regexp(r"^[A-Z]{3}(?!\n)$", error="Give an ISO 4217 code.")


def _email(**options: Any) -> ma.fields.Email:
    return ma.fields.Email(validate=ma.validate.Length(max=MAX_EMAIL), **options)


def _phone(**options: Any) -> Formatted:
    return Formatted(validate=_PHONE, metadata={"description": "E.164"}, **options)


def _zone(**options: Any) -> ma.fields.String:
    length = ma.validate.Length(min=1, max=60)
    return ma.fields.String(
        validate=length, metadata={"description": "IANA time zone, `America/Chicago`"}, **options
    )


def _trail(**options: Any) -> ma.fields.Enum[Trail]:
    described = "Every fix is kept, or only those that an episode names as its evidence"
    return ma.fields.Enum(
        Trail, by_value=True, required=True, metadata={"description": described}, **options
    )


def _wall_time() -> ma.fields.Time:
    return ma.fields.Time(
        format="%H:%M", required=True, metadata={"description": "Local wall time, `13:00`"}
    )


def _within(allowed: range) -> ma.validate.Range:
    return ma.validate.Range(min=allowed.start, max=allowed.stop - 1)


def _number(name: str, allowed: range, description: str) -> ma.fields.Integer:
    """A number of the policy that may be left out: then it is as for a new agency."""
    return ma.fields.Integer(
        load_default=getattr(AgencyPolicy(), name),
        strict=True,
        validate=_within(allowed),
        metadata={"description": description},
    )


def _required_number(allowed: range, description: str) -> ma.fields.Integer:
    return ma.fields.Integer(
        required=True,
        strict=True,
        validate=_within(allowed),
        metadata={"description": description},
    )


def _measure(name: str, bounds: tuple[float, float], description: str) -> ma.fields.Float:
    """A factor, speed or span of the policy that may be left out."""
    least, most = bounds
    return ma.fields.Float(
        load_default=getattr(AgencyPolicy(), name),
        allow_nan=False,
        validate=ma.validate.Range(min=least, max=most),
        metadata={"description": description},
    )


def _reminder_days(allowed: range) -> ma.fields.Field[Any]:
    return ma.fields.List(
        ma.fields.Integer(strict=True, validate=_within(allowed)),
        required=True,
        validate=ma.validate.Length(max=policy.MAX_OFFSETS),
        metadata={"description": "Days after the due day; negative: before it"},
    )


class SignInSchema(Schema):
    """What an officer signs in with."""

    email = ma.fields.String(required=True, validate=ma.validate.Length(min=1, max=MAX_EMAIL))
    password = ma.fields.String(
        required=True, validate=ma.validate.Length(min=1, max=passwords.MAX_CHARACTERS)
    )


class SessionSchema(Schema):
    """A session: send `token` as `Authorization: Bearer`."""

    token = ma.fields.String(required=True, attribute="secret")
    expires_at = Instant(
        required=True,
        metadata={"description": "At the latest; also 30 minutes after the last request"},
    )


class NewPasswordSchema(Schema):
    """A password that an administrator gives to an officer."""

    password = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=passwords.MIN_CHARACTERS, max=passwords.MAX_CHARACTERS),
    )


class OwnPasswordSchema(NewPasswordSchema):
    """An officer's new password, with the present one as proof."""

    present_password = ma.fields.String(
        required=True, validate=ma.validate.Length(min=1, max=passwords.MAX_CHARACTERS)
    )


class OfficerDataSchema(Schema):
    """What is kept of an officer."""

    email = _email(required=True, metadata={"description": "Signs in with it; no two share one"})
    given_name = ma.fields.String(required=True, validate=_NAME)
    family_name = ma.fields.String(required=True, validate=_NAME)
    job_title = ma.fields.String(load_default="", validate=ma.validate.Length(max=100))
    role = ma.fields.Enum(Role, by_value=True, required=True)
    language = ma.fields.Enum(Language, by_value=True, load_default=Language.ENGLISH)


class NewOfficerSchema(OfficerDataSchema, NewPasswordSchema):
    """A new officer with a first password."""

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the password and the rest."""
        return {"password": data.pop("password"), "data": OfficerData(**data)}


class OfficerSchema(OfficerDataSchema):
    """An officer."""

    id = ma.fields.UUID(required=True, dump_only=True)
    disabled = ma.fields.Boolean(
        required=True, metadata={"description": "Cannot sign in; disabling ends all tokens"}
    )
    permissions = ma.fields.Function(
        lambda officer: sorted(p.value for p in officer.permissions),
        dump_only=True,
        metadata={
            "type": "array",
            "items": {"type": "string"},
            "description": "What the role allows",
        },
    )
    created_at = Instant(required=True, dump_only=True)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return whether the officer is disabled, and the rest."""
        return {"disabled": data.pop("disabled"), "data": OfficerData(**data)}


class NewTokenSchema(Schema):
    """An API token to make."""

    name = ma.fields.String(required=True, validate=_NAME)
    scopes = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf([p.value for p in Permission] + [OWN])),
        required=True,
        validate=ma.validate.Length(min=1, max=len(Permission) + 1),
        metadata={
            "description": "Permissions that you hold; `own` narrows to people assigned to you"
        },
    )
    expires_at = Instant(required=True, metadata={"description": "Within a year"})

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the scopes as permissions and narrowing."""
        scopes = set(data.pop("scopes"))
        return data | {
            "own_only": OWN in scopes,
            "permissions": frozenset(Permission(scope) for scope in scopes - {OWN}),
        }


class TokenSchema(Schema):
    """An API token, without its secret."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True)
    used_at = Instant(required=True, metadata={"description": "Last use, to the minute"})


class IssuedTokenSchema(TokenSchema):
    """An API token with its secret, shown this once."""

    token = ma.fields.String(required=True, attribute="secret")


class SuperviseeSchema(Schema):
    """A supervised person: all that is kept of them."""

    id = ma.fields.UUID(required=True, dump_only=True)
    given_name = ma.fields.String(required=True, validate=_NAME)
    family_name = ma.fields.String(required=True, validate=_NAME)
    job_title = ma.fields.String(load_default="", validate=ma.validate.Length(max=100))
    postal_address = ma.fields.String(load_default="", validate=ma.validate.Length(max=500))
    postal_code = ma.fields.String(load_default="", validate=ma.validate.Length(max=20))
    emails = ma.fields.List(
        _email(), load_default=list, validate=ma.validate.Length(max=_MAX_CONTACTS)
    )
    phones = ma.fields.List(
        _phone(), load_default=list, validate=ma.validate.Length(max=_MAX_CONTACTS)
    )
    language = ma.fields.Enum(
        Language,
        by_value=True,
        load_default=None,
        metadata={"description": "Of messages to the person; the agency's if missing"},
    )
    zone = _zone(load_default=None)
    created_at = Instant(required=True, dump_only=True)
    trail = _trail(dump_only=True)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> PersonalData:
        """Return the person's data."""
        data["emails"], data["phones"] = tuple(data["emails"]), tuple(data["phones"])
        return PersonalData(**data)


class TrailSchema(Schema):
    """Whether a person's trail is kept."""

    trail = _trail()
    trail_from = Instant(
        required=True,
        allow_none=True,
        dump_only=True,
        metadata={"description": "Since when it is kept again; null if it always was, or is not"},
    )


class SuperviseeFilterSchema(CursorSchema):
    """Which people to list."""

    assigned_to = ma.fields.UUID(
        metadata={"description": "Only people of whom this officer has charge"}
    )


class NewAssignmentSchema(Schema):
    """Who is to have charge of the person."""

    officer_id = ma.fields.UUID(required=True)


class AssignmentSchema(NewAssignmentSchema):
    """Who has charge of the person, since when."""

    assigned_at = Instant(required=True)


class PolicySchema(Schema):
    """What an agency decides for itself."""

    least_assurance = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(policy.ASSURANCE_LEVELS),
        metadata={"description": "The weakest device that may enrol"},
    )
    max_accuracy_m = _required_number(
        policy.ACCURACY_M, "Largest 95 % radius of a usable live fix, metres"
    )
    silence_after_s = _required_number(policy.SILENCE_S, "Seconds without contact before an alert")
    missing_after_s = _number(
        "missing_after_s",
        policy.MISSING_S,
        "Seconds after which officers are told of fixes that a phone went past, "
        "and neither delivered nor declared lost",
    )
    batch_key_people = _number(
        "batch_key_people",
        policy.BATCH_KEY_PEOPLE,
        "From how many people's phones under one factory key of attestation the officer is told",
    )
    rotate_after_days = _number(
        "rotate_after_days",
        policy.ROTATE_DAYS,
        "How old a phone's key may be before the phone makes another",
    )
    least_presence = ma.fields.String(
        load_default=AgencyPolicy().least_presence,
        validate=ma.validate.OneOf(policy.PRESENCE_LEVELS),
        metadata={"description": "What a check-in must show of the person's presence at least"},
    )
    check_in_opens_s = _number(
        "check_in_opens_s",
        policy.CHECK_IN_OPENS_S,
        "How long before its time a check-in is taken, seconds",
    )
    check_in_grace_s = _number(
        "check_in_grace_s",
        policy.CHECK_IN_GRACE_S,
        "How long after its time a check-in is on time, seconds",
    )
    alert_score = ma.fields.Float(
        required=True,
        allow_nan=False,
        validate=ma.validate.Range(min=0.0, min_inclusive=False, max=1.0),
        metadata={"description": "Officers are told of fixes whose signals score this"},
    )
    frozen_after_s = _required_number(
        policy.FROZEN_S, "Seconds at one place, digit for digit, that are a signal"
    )
    constant_accuracy_after_s = _required_number(
        policy.MOVING_S, "Seconds of movement under one stated radius that are a signal"
    )
    even_fixes = _required_number(
        policy.EVEN_FIXES, "Fixes in a row on a perfectly even way that are a signal"
    )
    replayed_places = _required_number(
        policy.REPLAYED_PLACES, "Places of one's own past, in its rhythm, that are a signal"
    )
    together_after_s = _required_number(
        policy.MOVING_S, "Seconds of movement as one with another phone that are a signal"
    )
    suspect_factor = _measure(
        "suspect_factor", policy.FACTORS, "Past the edge by this many radii: examined"
    )
    hard_factor = _measure(
        "hard_factor", policy.FACTORS, "Past the edge by this many radii: counts as evidence"
    )
    independent_after_s = _number(
        "independent_after_s", policy.INDEPENDENT_S, "Seconds between instants that count"
    )
    confirming_instants = _number(
        "confirming_instants", policy.WITNESSES, "Instants that confirm a breach, or a return"
    )
    jump_speed_mps = _measure(
        "jump_speed_mps", policy.JUMP_MPS, "Metres a second from the fix before that are a jump"
    )
    jump_instants = _number("jump_instants", policy.WITNESSES, "Instants that do after a jump")
    jump_span_s = _number("jump_span_s", policy.JUMP_SPAN_S, "Seconds that those must span")
    possible_after_s = _number(
        "possible_after_s", policy.POSSIBLE_S, "Seconds until what is undecided is told as possible"
    )
    fresh_s = _number(
        "fresh_s", policy.FRESH_S, "Age of evidence, in seconds, by which a window may begin broken"
    )
    unproven_after_s = _number(
        "unproven_after_s",
        policy.UNPROVEN_S,
        "Seconds without evidence after which an open episode is called unproven",
    )
    unproven_instants = _number(
        "unproven_instants", policy.UNPROVEN_INSTANTS, "Instants without evidence that do so too"
    )
    crossing_gap_s = _number(
        "crossing_gap_s",
        policy.CROSSING_GAP_S,
        "Longest gap, in seconds, over which ways are drawn",
    )
    crossing_speed_mps = _measure(
        "crossing_speed_mps",
        policy.CROSSING_MPS,
        "Metres a second at which somebody could have gone round a zone",
    )
    fast_speed_mps = _measure(
        "fast_speed_mps", policy.FAST_MPS, "Metres a second between fixes that are a signal"
    )
    impossible_speed_mps = _measure(
        "impossible_speed_mps",
        policy.IMPOSSIBLE_MPS,
        "Metres a second between fixes that nobody travels: the fix is refused",
    )
    clock_tolerance_s = _measure(
        "clock_tolerance_s",
        policy.CLOCK_S,
        "Seconds by which a phone's clocks may disagree within one boot",
    )
    clock_drift_ppm = _measure(
        "clock_drift_ppm", policy.DRIFT_PPM, "Millionths of the time between that are added"
    )
    payment_reminder_days = _reminder_days(policy.OFFSET_DAYS)
    check_in_reminder_days = _reminder_days(policy.DAYS_AHEAD)
    hearing_reminder_days = _reminder_days(policy.DAYS_AHEAD)
    appointment_reminder_days = _reminder_days(policy.DAYS_AHEAD)
    mandatory_reminders = ma.fields.List(
        ma.fields.Enum(MessageKind, by_value=True),
        required=True,
        validate=ma.validate.Length(max=len(policy.REMINDED)),
        metadata={"description": "Kinds that people cannot turn off, where the law has it so"},
    )
    reminder_at = _wall_time()
    reminders_from = _wall_time()
    reminders_until = _wall_time()
    default_language = ma.fields.Enum(Language, by_value=True, required=True)
    default_currency = ma.fields.String(required=True, validate=_CURRENCY)
    payment_url = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=[ma.validate.Length(max=policy.MAX_URL), _HTTPS_URL],
        metadata={"description": "The agency's own page to pay on, which reminders name"},
    )
    plan_share_percent = _number(
        "plan_share_percent",
        policy.PLAN_SHARES_PERCENT,
        "Of a month's income: what a plan is proposed by",
    )
    plan_least_minor = _number(
        "plan_least_minor",
        policy.PLAN_LEAST_MINOR,
        "The least instalment that is proposed, in minor units",
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> AgencyPolicy:
        """Return the policy, or say what makes no sense in it as a whole."""
        lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
        try:
            return AgencyPolicy(**data | lists)
        except ValueError as error:
            raise ma.ValidationError("These make no sense together.", str(error)) from None


class AgencySchema(Schema):
    """The agency."""

    id = ma.fields.UUID(required=True, dump_only=True)
    name = ma.fields.String(required=True, validate=ma.validate.Length(min=1, max=200))
    zone = _zone(required=True)
    contact_phone = _phone(required=True)
    contact_email = _email(required=True)
    policy = ma.fields.Nested(PolicySchema, required=True)
    created_at = Instant(required=True, dump_only=True)


OfficerPageSchema = page_of(OfficerSchema)
TokenPageSchema = page_of(TokenSchema)
SuperviseePageSchema = page_of(SuperviseeSchema)


class MeSchema(SuperviseeSchema):
    """One's own data, and the agency that keeps it."""

    agency_name = ma.fields.String(required=True)
    contact_phone = ma.fields.String(required=True)
    contact_email = ma.fields.String(required=True)
