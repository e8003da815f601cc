"""An Android phone and the authorities above it, in software: every chain that a test needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from backend.attestation.android.attestation import AndroidAttestation, verify
from backend.attestation.android.key_description import EXTENSION_OID
from backend.attestation.android.policy import AndroidPolicy, App, default_policy
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.status_list import StatusList
from backend.attestation.trust import Roots
from tests.support.attestation.der_writer import (
    boolean,
    context,
    enumerated,
    integer,
    null,
    octets,
    sequence,
    set_of,
)
from tests.support.attestation.x509_writer import Link, chain, name, new_key, roots_of

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CHALLENGE: Final = bytes(range(32))
PACKAGE: Final = "test.connectrex.phone"
SIGNER: Final = sha256(b"the certificate that signs our test app").digest()
APP: Final = App(package=PACKAGE, signer_digests=frozenset({SIGNER}))
POLICY: Final = default_policy(frozenset({APP}))
BOOT_KEY: Final = sha256(b"the key of an owner's own system").digest()

PHONE_KEY: Final = new_key()
ATTESTATION_KEY: Final = new_key()
INTERMEDIATE_KEY: Final = new_key()
SERVER_KEY: Final = new_key()
ROOT_KEY: Final = new_key()

VERIFIED, SELF_SIGNED, UNVERIFIED, FAILED = range(4)


def application(*packages: str, signers: Sequence[bytes] = (SIGNER,)) -> bytes:
    """The value of attestationApplicationId."""
    named = (sequence(octets(each.encode()), integer(7)) for each in packages)
    return octets(sequence(set_of(*named), set_of(*map(octets, signers))))


def root_of_trust(*, locked: bool = True, state: int = VERIFIED, key: bytes = BOOT_KEY) -> bytes:
    """The value of rootOfTrust."""
    return sequence(octets(key), boolean(locked), enumerated(state), octets(bytes(32)))


GOOD_SOFTWARE: Final[Mapping[int, bytes]] = {
    701: integer(1_772_441_000_000),
    709: application(PACKAGE),
}
GOOD_HARDWARE: Final[Mapping[int, bytes]] = {
    1: set_of(integer(2)),
    2: integer(3),
    3: integer(256),
    5: set_of(integer(4)),
    10: integer(1),
    503: null(),
    702: integer(0),
    704: root_of_trust(),
    705: integer(160_000),
    706: integer(202_602),
    718: integer(20_260_205),
    719: integer(20_260_205),
}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A key description to be; the lists are values by tag."""

    attested_by: int = 1
    kept_by: int = 1
    challenge: bytes = CHALLENGE
    software: Mapping[int, bytes] = field(default_factory=lambda: GOOD_SOFTWARE)
    hardware: Mapping[int, bytes] = field(default_factory=lambda: GOOD_HARDWARE)

    def der(self) -> bytes:
        """The extension's bytes."""
        return sequence(
            integer(400),
            enumerated(self.attested_by),
            integer(400),
            enumerated(self.kept_by),
            octets(self.challenge),
            octets(b""),
            _authorizations(self.software),
            _authorizations(self.hardware),
        )

    def enforcing(self, changes: Mapping[int, bytes | None]) -> Statement:
        """This with other values in the hardware's list; None leaves a tag out."""
        return replace(self, hardware=_changed(self.hardware, changes))

    def saying(self, changes: Mapping[int, bytes | None]) -> Statement:
        """This with other values in the software's list; None leaves a tag out."""
        return replace(self, software=_changed(self.software, changes))


def _changed(tags: Mapping[int, bytes], changes: Mapping[int, bytes | None]) -> dict[int, bytes]:
    changed = {**tags, **changes}
    return {number: value for number, value in changed.items() if value is not None}


def _authorizations(tags: Mapping[int, bytes]) -> bytes:
    return sequence(*(context(number, tags[number]) for number in sorted(tags)))


def target(extension: bytes, key: ec.EllipticCurvePrivateKey = PHONE_KEY) -> Link:
    """The attested key's certificate; a phone writes what dates it likes."""
    return Link(
        subject=name(COMMON_NAME="Android Keystore Key"),
        key=key,
        ca=None,
        since=datetime(1970, 1, 1, tzinfo=UTC),
        until=datetime(1970, 1, 2, tzinfo=UTC),
        extensions=((EXTENSION_OID, extension),),
    )


ROOT: Final = Link(subject=name(SERIAL_NUMBER="f92009e853b6b045"), key=ROOT_KEY, serial=0xF00D)
# The certificate of a batch, long expired and no authority, as on real phones.
BATCH: Final = Link(
    subject=name(SERIAL_NUMBER="5ee8e1017e57dfe8", TITLE="TEE"),
    key=ATTESTATION_KEY,
    serial=0xBA7C4,
    ca=False,
    since=datetime(2016, 5, 26, tzinfo=UTC),
    until=datetime(2020, 5, 24, tzinfo=UTC),
)
FACTORY: Final = Link(
    subject=name(SERIAL_NUMBER="b701bdebaa0e163c", TITLE="TEE"),
    key=INTERMEDIATE_KEY,
    serial=0xFAC7,
    until=datetime(2026, 1, 2, tzinfo=UTC),
)
REMOTE_KEY: Final = Link(
    subject=name(ORGANIZATION_NAME="TEE", COMMON_NAME="9b5e7c330252fa0c"),
    key=ATTESTATION_KEY,
    serial=0x9B5E,
    until=NOW + timedelta(days=14),
    extensions=(("1.3.6.1.4.1.11129.2.1.30", bytes.fromhex("a10101")),),
)
REMOTE_SERVER: Final = Link(
    subject=name(ORGANIZATION_NAME="Google LLC", COMMON_NAME="Droid CA3"), key=SERVER_KEY
)
REMOTE: Final = Link(
    subject=name(ORGANIZATION_NAME="Google LLC", COMMON_NAME="Droid CA2"), key=INTERMEDIATE_KEY
)
GOOD: Final = target(Statement().der())
FACTORY_CHAIN: Final = (GOOD, BATCH, FACTORY, ROOT)
REMOTE_CHAIN: Final = (GOOD, REMOTE_KEY, REMOTE_SERVER, REMOTE, ROOT)
ROOTS: Final = roots_of(ROOT.certificate(ROOT))
STATUS_LIST: Final = StatusList(
    refusals={}, fetched_at=NOW - timedelta(hours=1), version="a list of the tests"
)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A phone that shows its chain, right in everything unless `replace`d."""

    links: tuple[Link, ...] = FACTORY_CHAIN
    ders: tuple[bytes, ...] | None = None
    challenge: bytes = CHALLENGE
    key: ec.EllipticCurvePublicKey = field(default_factory=PHONE_KEY.public_key)
    policy: AndroidPolicy = POLICY
    roots: Roots = ROOTS
    status_list: StatusList | None = STATUS_LIST
    now: datetime = NOW

    def verdict(self) -> AndroidAttestation | AndroidRefusal:
        """What the server makes of it."""
        return verify(
            chain(self.links) if self.ders is None else self.ders,
            challenge=self.challenge,
            key=self.key,
            policy=self.policy,
            roots=self.roots,
            status_list=self.status_list,
            now=self.now,
        )


def stating(statement: Statement) -> Attempt:
    """A phone whose hardware states this."""
    return showing(statement.der())


def showing(extension: bytes) -> Attempt:
    """A phone whose extension holds these bytes."""
    return Attempt(links=(target(extension), BATCH, FACTORY, ROOT))
