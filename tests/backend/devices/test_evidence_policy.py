"""What the operator sets up about evidence, and what does not start."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.attestation import trust
from backend.attestation.android.policy import App
from backend.attestation.apple.policy import Environment
from backend.core.settings import Mode, Settings, SettingsError
from backend.devices.evidence_policy import EvidencePolicy
from tests.support.attestation.x509_writer import new_key

DIGEST, OTHER = "ab" * 32, "cd" * 32
KEY = b64encode(
    new_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


@pytest.fixture
def settings(tmp_path: Path, server_keys: Path) -> Settings:
    return Settings(
        mode=Mode.TEST,
        database_url=f"sqlite:///{tmp_path}/none",
        root_secret=bytes(32),
        server_keys=server_keys,
        public_url="https://connectrex.test",
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"android_apps": "test.app"}, "ANDROID_APPS"),
        ({"android_apps": f"={DIGEST}"}, "ANDROID_APPS"),
        ({"android_apps": "test.app=abcd"}, "ANDROID_APPS"),
        ({"android_apps": "test.app=xyz"}, "ANDROID_APPS"),
        (
            {"android_apps": f"test.app={DIGEST}", "android_least_patch": 202_613},
            "ANDROID_LEAST_PATCH",
        ),
        ({"android_apps": f"test.app={DIGEST}", "android_boot_keys": "x"}, "ANDROID_BOOT_KEYS"),
        ({"app_attest_environment": "testflight"}, "APP_ATTEST_ENVIRONMENT"),
        ({"play_integrity_keys": Path("/nowhere")}, "PLAY_INTEGRITY_KEYS"),
        ({"attestation_roots": Path("/nowhere")}, "ATTESTATION_ROOTS"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(
    settings: Settings, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=f"CONNECTREX_{named} cannot be read"):
        EvidencePolicy.of(replace(settings, **change))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"test.app": "key"}',
        '{"test.app": {"decryption": "AA=="}}',
        json.dumps({"test.app": {"decryption": "AA==", "verification": KEY}}),
        json.dumps({"test.app": {"decryption": KEY, "verification": "AA=="}}),
        json.dumps({"test.app": {"decryption": "!", "verification": KEY}}),
    ],
)
def test_keys_that_cannot_be_used_do_not_start(
    settings: Settings, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError, match="PLAY_INTEGRITY_KEYS") as caught:
        EvidencePolicy.of(replace(settings, play_integrity_keys=path))
    assert KEY not in str(caught.value)


def test_nothing_set_up_believes_nothing(settings: Settings) -> None:
    policy = EvidencePolicy.of(settings)

    assert (policy.android, policy.apple, policy.play) == (None, None, None)
    assert policy.android_roots == trust.android_roots()
    assert policy.app_attest_roots == trust.app_attest_roots()
    assert policy.receipt_roots == trust.apple_receipt_roots()


def test_settings_are_what_evidence_is_held_against(settings: Settings) -> None:
    policy = EvidencePolicy.of(
        replace(
            settings,
            android_apps=f"test.app={DIGEST}+{OTHER}, test.debug={OTHER}",
            android_least_patch=202_601,
            android_boot_keys=DIGEST,
            ios_apps="ABCDE12345.test.app,",
            app_attest_environment="development",
        )
    )

    assert policy.android is not None
    assert policy.android.apps == {
        App(
            package="test.app",
            signer_digests=frozenset({bytes.fromhex(DIGEST), bytes.fromhex(OTHER)}),
        ),
        App(package="test.debug", signer_digests=frozenset({bytes.fromhex(OTHER)})),
    }
    assert policy.android.least_os_patch == 202_601
    assert policy.android.owner_boot_keys == {bytes.fromhex(DIGEST)}
    assert policy.apple is not None
    assert policy.apple.app_ids == {"ABCDE12345.test.app"}
    assert policy.apple.environments == {Environment.DEVELOPMENT}
