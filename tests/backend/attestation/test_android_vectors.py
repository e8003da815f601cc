"""Attestations of real phones: read as Google's verifier reads them, judged as they deserve."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from backend.attestation import certificates
from backend.attestation.android.as_json import key_description_as_json
from backend.attestation.android.attestation import AndroidAttestation, verify
from backend.attestation.android.chain import Provisioning
from backend.attestation.android.extension import read_key_description
from backend.attestation.android.key_description import (
    EXTENSION_OID,
    Digest,
    KeyDescription,
    Purpose,
    SecurityLevel,
)
from backend.attestation.android.policy import AndroidPolicy, App, default_policy
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.android.status_list import StatusList, read_status_list
from backend.attestation.trust import android_roots, read_roots

FOLDER: Final = Path("tests/data/attestation/android")
CHAINS: Final = sorted((FOLDER / "testdata").glob("*/*/*.pem"))
CAIMAN: Final = FOLDER / "testdata/caiman/sdk36"
SONY: Final = FOLDER / "testdata/sony-xperia10-iii/sdk33/TEE_EC.pem"
TEGU: Final = FOLDER / "testdata/tegu/sdk37"
ROOTS: Final = android_roots()


def ders_of(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file."""
    chain = x509.load_pem_x509_certificates(path.read_bytes())
    return tuple(each.public_bytes(Encoding.DER) for each in chain)


def extension_of(path: Path) -> bytes:
    """The key attestation extension of the first certificate."""
    read = certificates.read(ders_of(path)[0])
    assert read is not None
    return read.unread[EXTENSION_OID]


def description_of(path: Path) -> KeyDescription:
    """What the extension says, which must be readable."""
    description = read_key_description(extension_of(path))
    assert isinstance(description, KeyDescription)
    return description


def status_list(fetched_at: datetime) -> StatusList:
    """Google's sample, as if fetched at this time."""
    read = read_status_list(
        (FOLDER / "revocation-status-sample.json").read_bytes(), fetched_at=fetched_at
    )
    assert isinstance(read, StatusList)
    return read


def policy_for(path: Path) -> AndroidPolicy:
    """The default policy, for the application and the use that this phone's key was made for."""
    description = description_of(path)
    application = description.software_enforced.attestation_application_id
    assert application is not None
    (package,) = application.packages
    # The system's own application is signed by nobody; a policy cannot name such a one.
    signers = frozenset(application.signatures) or frozenset({bytes(32)})
    app = App(package=package.name, signer_digests=signers)
    return replace(
        default_policy(frozenset({app})),
        purposes=frozenset(description.hardware_enforced.purposes or ()),
        digests=frozenset(description.hardware_enforced.digests or {Digest.SHA_256}),
    )


def verdict(
    path: Path, now: datetime, policy: AndroidPolicy | None = None
) -> AndroidAttestation | AndroidRefusal:
    """What we make of a real chain at this time, with the challenge and the key that are its own."""
    ders = ders_of(path)
    target = certificates.read(ders[0])
    assert target is not None
    key = target.public_key
    return verify(
        ders,
        challenge=description_of(path).attestation_challenge,
        # An RSA key cannot be enrolled, so another stands for it.
        key=key if isinstance(key, ec.EllipticCurvePublicKey) else OTHER_KEY,
        policy=policy or policy_for(path),
        roots=ROOTS,
        status_list=status_list(now),
        now=now,
    )


OTHER_KEY: Final = ec.generate_private_key(ec.SECP256R1()).public_key()
CAIMAN_AT: Final = datetime(2025, 9, 26, 16, 0, tzinfo=UTC)
SONY_AT: Final = datetime(2026, 6, 4, 15, 0, tzinfo=UTC)
TEGU_AT: Final = datetime(2026, 7, 6, 18, 20, tzinfo=UTC)


def expected(path: Path) -> Any:
    """What Google's verifier prints; files of its earlier versions leave areTagsOrdered out."""
    document = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    for enforced in ("softwareEnforced", "hardwareEnforced"):
        document[enforced].setdefault("areTagsOrdered", True)
    return document


@pytest.mark.parametrize("path", CHAINS, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_extension_reads_as_google_reads_it(path: Path) -> None:
    assert key_description_as_json(description_of(path)) == expected(path)


def test_there_are_as_many_chains_as_expected_readings() -> None:
    assert len(CHAINS) == len([*FOLDER.glob("testdata/*/*/*.json")]) == 12


def test_a_lock_state_that_is_no_der_boolean_is_refused() -> None:
    path = FOLDER / "invalid/malformed_rot_device_locked.pem"

    assert read_key_description(extension_of(path)) is AndroidRefusal.EXTENSION_NOT_DER


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("SB_EC_RKP", SecurityLevel.STRONG_BOX),
        ("TEE_EC_RKP", SecurityLevel.TRUSTED_ENVIRONMENT),
    ],
)
def test_a_locked_and_verified_pixel_is_accepted(name: str, level: SecurityLevel) -> None:
    attested = verdict(CAIMAN / f"{name}.pem", CAIMAN_AT)

    assert isinstance(attested, AndroidAttestation)
    assert attested.level is level
    assert attested.provisioning is Provisioning.REMOTE
    assert attested.app.package == "com.google.android.attestation"
    assert attested.roots_version == ROOTS.version
    assert len(attested.serials) == 5


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (datetime(2025, 9, 24, tzinfo=UTC), AndroidRefusal.NOT_YET_VALID),
        (datetime(2025, 10, 4, tzinfo=UTC), AndroidRefusal.EXPIRED),
    ],
)
def test_a_remotely_provisioned_chain_ends_with_its_dates(
    now: datetime, reason: AndroidRefusal
) -> None:
    assert verdict(CAIMAN / "SB_EC_RKP.pem", now) is reason


def test_an_expired_factory_chain_is_accepted() -> None:
    attested = verdict(SONY, SONY_AT)

    assert isinstance(attested, AndroidAttestation)
    assert attested.provisioning is Provisioning.FACTORY
    dates = [x509.load_der_x509_certificate(der).not_valid_after_utc for der in ders_of(SONY)[1:]]
    assert max(dates) < SONY_AT


def test_a_key_that_may_also_verify_or_signs_other_digests_is_not_ours() -> None:
    ours = {"purposes": frozenset({Purpose.SIGN}), "digests": frozenset({Digest.SHA_256})}
    pixel, sony = CAIMAN / "TEE_EC_RKP.pem", SONY

    pixel_policy = replace(policy_for(pixel), **ours)  # type: ignore[arg-type]  # two fields of one type
    sony_policy = replace(policy_for(sony), **ours)  # type: ignore[arg-type]  # two fields of one type

    assert verdict(pixel, CAIMAN_AT, pixel_policy) is AndroidRefusal.WRONG_PURPOSE
    assert verdict(sony, SONY_AT, sony_policy) is AndroidRefusal.WRONG_DIGEST


@pytest.mark.parametrize("name", ["TEE_EC_NONE", "TEE_RSA_NONE"])
def test_a_software_attestation_has_no_root_that_we_trust(name: str) -> None:
    path = FOLDER / f"testdata/marlin/sdk29/{name}.pem"

    assert verdict(path, SONY_AT) is AndroidRefusal.UNTRUSTED_ROOT


def test_a_software_attestation_is_refused_under_a_trusted_root_too() -> None:
    # Its intermediate is neither a factory's nor Google's, so its root alone would not carry it.
    path = FOLDER / "testdata/marlin/sdk29/TEE_EC_NONE.pem"
    ders = ders_of(path)
    target = certificates.read(ders[0])
    assert target is not None
    assert isinstance(target.public_key, ec.EllipticCurvePublicKey)
    software_root = x509.load_der_x509_certificate(ders[-1]).public_bytes(Encoding.PEM)

    answer = verify(
        ders,
        challenge=b"challenge",
        key=target.public_key,
        policy=policy_for(path),
        roots=read_roots(software_root),
        status_list=status_list(SONY_AT),
        now=SONY_AT,
    )

    assert answer is AndroidRefusal.UNKNOWN_PROVISIONING
    assert description_of(path).attestation_security_level is SecurityLevel.SOFTWARE


@pytest.mark.parametrize("name", ["TEE_MAX_USAGE_COUNT", "TEE_TRUSTED_CONF"])
def test_an_unlocked_pixel_is_refused(name: str) -> None:
    assert verdict(TEGU / f"{name}.pem", TEGU_AT) is AndroidRefusal.BOOTLOADER_UNLOCKED


@pytest.mark.parametrize("path", sorted((FOLDER / "testdata/blueline").glob("*/*.pem")))
def test_an_unlocked_phone_of_2018_is_refused(path: Path) -> None:
    root = description_of(path).hardware_enforced.root_of_trust

    # Its keys are none of ours either, and that is seen first.
    is_ec = path.stem == "TEE_EC_NONE"
    reason = AndroidRefusal.WRONG_DIGEST if is_ec else AndroidRefusal.KEY_NOT_P256
    assert verdict(path, SONY_AT) is reason
    assert root is not None
    assert not root.device_locked


def test_a_chain_with_nothing_odd_is_read_and_was_good_in_its_time() -> None:
    path = FOLDER / "normal_cert_chain.pem"

    in_time = verdict(path, datetime(2023, 3, 8, tzinfo=UTC))
    later = verdict(path, datetime(2023, 4, 8, tzinfo=UTC))

    assert isinstance(in_time, AndroidAttestation)
    assert in_time.provisioning is Provisioning.REMOTE
    assert later is AndroidRefusal.EXPIRED


def test_a_list_that_names_a_real_serial_revokes_the_phone() -> None:
    attested = verdict(SONY, SONY_AT)
    assert isinstance(attested, AndroidAttestation)
    serial = attested.serials[1]

    for written in (f"{serial:x}", str(serial)):
        listed = read_status_list(
            json.dumps({"entries": {written: {"status": "REVOKED"}}}).encode(),
            fetched_at=SONY_AT,
        )

        assert isinstance(listed, StatusList)
        a_day_later = SONY_AT + timedelta(days=1)
        assert listed.refusal(attested.serials, a_day_later) is AndroidRefusal.REVOKED


def test_shipped_roots_are_those_of_the_published_file() -> None:
    published = json.loads((FOLDER / "roots.json").read_text(encoding="utf-8"))

    assert len(ROOTS.certificates) == len(published) == 2
    assert read_roots("\n".join(published).encode()).version == ROOTS.version
