"""Android chains that are accepted, and what is then known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from backend.attestation.android.as_json import key_description_as_json
from backend.attestation.android.attestation import AndroidAttestation
from backend.attestation.android.chain import Provisioning
from backend.attestation.android.extension import read_key_description
from backend.attestation.android.key_description import KeyDescription, SecurityLevel
from backend.attestation.android.policy import App, default_policy
from backend.attestation.certificates import spki_of
from tests.support.attestation.android_ca import (
    APP,
    ATTESTATION_KEY,
    BATCH,
    BOOT_KEY,
    FACTORY,
    GOOD,
    NOW,
    PACKAGE,
    POLICY,
    REMOTE_CHAIN,
    REMOTE_KEY,
    ROOT,
    SELF_SIGNED,
    SIGNER,
    STATUS_LIST,
    Attempt,
    Statement,
    application,
    root_of_trust,
    showing,
    stating,
)
from tests.support.attestation.der_writer import context, integer, octets, sequence
from tests.support.attestation.x509_writer import UNTIL


def accepted(attempt: Attempt) -> AndroidAttestation:
    """The attestation, which must be good."""
    verdict = attempt.verdict()
    assert isinstance(verdict, AndroidAttestation), verdict
    return verdict


def test_a_factory_key_is_accepted_with_what_a_later_check_needs() -> None:
    attested = accepted(Attempt())

    assert attested.level is SecurityLevel.TRUSTED_ENVIRONMENT
    assert attested.provisioning is Provisioning.FACTORY
    assert attested.app == APP
    assert attested.serials == (1, BATCH.serial, FACTORY.serial, ROOT.serial)
    assert attested.batch_key_digest == sha256(spki_of(ATTESTATION_KEY.public_key())).digest()
    assert attested.status_list_version == STATUS_LIST.version


def test_a_remotely_provisioned_key_is_accepted_until_the_last_second() -> None:
    for now in (REMOTE_KEY.since, REMOTE_KEY.until):
        fresh_list = replace(STATUS_LIST, fetched_at=now)

        attested = accepted(Attempt(links=REMOTE_CHAIN, now=now, status_list=fresh_list))

        assert attested.provisioning is Provisioning.REMOTE


def test_a_strongbox_key_is_of_the_highest_level() -> None:
    assert accepted(stating(Statement(attested_by=2, kept_by=2))).level is SecurityLevel.STRONG_BOX


def test_a_root_that_was_issued_again_is_the_same_root() -> None:
    reissued = replace(ROOT, serial=0xBEEF, until=UNTIL + timedelta(days=3650))

    accepted(Attempt(links=(GOOD, BATCH, FACTORY, reissued)))


def test_an_expired_root_is_trusted_for_its_key() -> None:
    accepted(Attempt(links=(GOOD, BATCH, FACTORY, replace(ROOT, until=NOW - timedelta(days=1)))))


def test_an_owners_system_that_the_policy_names_is_accepted() -> None:
    owned = stating(Statement().enforcing({704: root_of_trust(state=SELF_SIGNED)}))

    accepted(replace(owned, policy=replace(POLICY, owner_boot_keys=frozenset({BOOT_KEY}))))


def test_a_status_list_of_exactly_48_hours_is_looked_at() -> None:
    accepted(Attempt(status_list=replace(STATUS_LIST, fetched_at=NOW - timedelta(hours=48))))


@pytest.mark.parametrize("level", [202_602, 20_260_201])
def test_a_patch_level_counts_by_its_month_with_or_without_day(level: int) -> None:
    patched = stating(Statement().enforcing({number: integer(level) for number in (706, 718, 719)}))
    policy = replace(
        POLICY, least_os_patch=202_602, least_vendor_patch=202_602, least_boot_patch=202_602
    )

    accepted(replace(patched, policy=policy))


def test_each_build_of_ours_is_known_by_its_own_signers() -> None:
    rotated = App(package=PACKAGE, signer_digests=frozenset({SIGNER, bytes(32)}))
    policy = default_policy(frozenset({APP, rotated}))
    shown = stating(Statement().saying({709: application(PACKAGE, signers=[bytes(32), SIGNER])}))

    assert accepted(replace(shown, policy=policy)).app == rotated


def test_tags_without_a_name_are_kept() -> None:
    shown = stating(Statement().enforcing({999: octets(b"new"), 16_384: integer(5)}))

    description = accepted(shown).description

    assert description.hardware_enforced.unknown == {999: octets(b"new"), 16_384: integer(5)}
    document = key_description_as_json(description)
    assert isinstance(document, dict)
    assert isinstance(document["hardwareEnforced"], dict)
    assert document["hardwareEnforced"]["unknown"] == {"999": "BANuZXc=", "16384": "AgEF"}


def test_tags_out_of_order_are_read_and_told() -> None:
    good = Statement().der()
    first, second = context(705, integer(160_000)), context(706, integer(202_602))

    attested = accepted(showing(good.replace(first + second, second + first)))

    assert not attested.description.hardware_enforced.tags_ordered
    assert attested.description.software_enforced.tags_ordered


def test_the_first_version_had_no_boot_hash() -> None:
    old = sequence(*[octets(BOOT_KEY), b"\x01\x01\xff", b"\x0a\x01\x00"])

    attested = accepted(stating(Statement().enforcing({704: old})))

    root = attested.description.hardware_enforced.root_of_trust
    assert root is not None
    assert root.verified_boot_hash is None


def test_identifiers_of_the_phone_stay_out_of_what_a_log_would_print() -> None:
    imei, serial = "990012001354866", "R58M123ABCD"
    said = Statement().enforcing({714: octets(imei.encode()), 713: octets(serial.encode())})

    description = read_key_description(said.der())

    assert isinstance(description, KeyDescription)
    assert description.hardware_enforced.attestation_id_imei == imei
    assert imei not in repr(description)
    assert serial not in repr(description)
