"""Which evidence this server can verify, and by what: the operator's settings as values."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self, TypeVar

from backend.attestation import trust
from backend.attestation.android.policy import AndroidPolicy, App, default_policy
from backend.attestation.apple.policy import ApplePolicy, Environment
from backend.attestation.play_integrity.integrity import PlayPolicy
from backend.attestation.play_integrity.token import ResponseKeys, read_response_keys
from backend.attestation.trust import Roots
from backend.core.settings import PREFIX, Settings, SettingsError

_ENVIRONMENTS: Final = {
    "production": Environment.PRODUCTION,
    "development": Environment.DEVELOPMENT,
}
_MONTHS: Final = range(1, 13)
_YEARS: Final = range(2000, 2100)

Source = TypeVar("Source")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePolicy:
    """What each type of evidence is held against; None for a type that is not set up."""

    android: AndroidPolicy | None
    apple: ApplePolicy | None
    play: PlayPolicy | None
    android_roots: Roots
    app_attest_roots: Roots
    receipt_roots: Roots

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the policy that the settings describe. Raises SettingsError; repeats no secret."""
        apps = _read("ANDROID_APPS", _android_apps, settings.android_apps)
        ios_apps = frozenset(_listed(settings.ios_apps))
        keys = _read("PLAY_INTEGRITY_KEYS", _response_keys, settings.play_integrity_keys)
        environment = _ENVIRONMENTS.get(settings.app_attest_environment)
        if environment is None:
            raise SettingsError(f"{PREFIX}APP_ATTEST_ENVIRONMENT cannot be read")
        own_roots = _read("ATTESTATION_ROOTS", _roots, settings.attestation_roots)
        return cls(
            android=_android(settings, apps) if apps else None,
            apple=ApplePolicy(app_ids=ios_apps, environments=frozenset({environment}))
            if ios_apps
            else None,
            play=PlayPolicy(keys=keys, apps=apps or frozenset()) if keys else None,
            android_roots=own_roots or trust.android_roots(),
            app_attest_roots=own_roots or trust.app_attest_roots(),
            receipt_roots=own_roots or trust.apple_receipt_roots(),
        )


def _read(name: str, parse: Callable[[Source], Value], given: Source | None) -> Value | None:
    """Return what `parse` makes of a setting, None where it is not given."""
    try:
        return None if given is None else parse(given)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise SettingsError(f"{PREFIX}{name} cannot be read") from None


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _android_apps(text: str) -> frozenset[App]:
    apps = set()
    for app in _listed(text):
        package, _, digests = app.partition("=")
        signers = frozenset(bytes.fromhex(digest) for digest in digests.split("+"))
        apps.add(App(package=package.strip(), signer_digests=signers))
    return frozenset(apps)


def _android(settings: Settings, apps: frozenset[App]) -> AndroidPolicy:
    boot_keys = _read("ANDROID_BOOT_KEYS", _digests, settings.android_boot_keys)
    patch = _read("ANDROID_LEAST_PATCH", _month, settings.android_least_patch)
    return replace(
        default_policy(apps), owner_boot_keys=boot_keys or frozenset(), least_os_patch=patch
    )


def _digests(text: str) -> frozenset[bytes]:
    return frozenset(bytes.fromhex(digest) for digest in _listed(text))


def _month(number: int) -> int:
    year, month = divmod(number, 100)
    if year not in _YEARS or month not in _MONTHS:
        raise ValueError("no month")
    return number


def _response_keys(path: Path) -> dict[str, ResponseKeys]:
    said = json.loads(path.read_bytes())
    return {
        package: read_response_keys(
            b64decode(keys["decryption"], validate=True),
            b64decode(keys["verification"], validate=True),
        )
        for package, keys in said.items()
    }


def _roots(path: Path) -> Roots:
    return trust.read_roots(path.read_bytes())
