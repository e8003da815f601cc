"""Everything that an operator can set, in one frozen value read once from the environment.

`docs/operating.md` shows the same table; a test compares them. Production refuses to start with a
missing secret or with anything switched on that only a demo or a test may have.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.core.keys import ROOT_SECRET_BYTES

PREFIX: Final = "CONNECTREX_"
LOCAL_FCM_PROJECT: Final = "connectrex-local-fake"
"""By which the local FCM's service account is told from Google's."""
LOCAL_STRIPE_KEY: Final = "sk_test_connectrex_local_fake"
"""By which the local payment provider is told from Stripe."""
_PORTS: Final = range(1, 65536)


class Mode(Enum):
    """What this process is for: what it demands and what it allows follows from it."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    DEMO = "demo"
    TEST = "test"


class SettingsError(ValueError):
    """The settings do not allow a start; the text names each problem and never a secret."""


def setting(help_text: str, *, default: Any = MISSING, secret: bool = False) -> Any:
    """Declare one setting with the words that the operator's table shows."""
    return field(default=default, repr=not secret, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. Paths are absolute or relative to the working directory."""

    mode: Mode = setting("`production`, `development`, `demo` or `test`", default=Mode.PRODUCTION)
    database_url: str = setting(
        "SQLAlchemy URL of the database: `sqlite:///path` (one process) or `postgresql://…`",
        default="sqlite:///var/connectrex.sqlite3",
        secret=True,
    )
    root_secret: bytes = setting(
        "64 hexadecimal digits from which nonces and code hashes are derived", secret=True
    )
    server_keys: Path = setting(
        "PEM file with the P-256 keys that sign tokens and receipts: the first signs, all verify"
    )
    public_url: str = setting(
        "Where phones reach the service, as they sign it (`https://…`, no trailing slash)"
    )
    trusted_proxies: int = setting(
        "How many reverse proxies in front are trusted to name the client's address", default=0
    )
    fcm_credentials: Path | None = setting(
        "Service account file for Firebase Cloud Messaging; without it nothing is pushed",
        default=None,
    )
    fcm_proxy: str | None = setting("HTTP(S) proxy for FCM, `http://host:port`", default=None)
    fcm_ca_bundle: Path | None = setting(
        "PEM file of the authorities trusted for FCM, instead of the public ones", default=None
    )
    smtp_url: str | None = setting(
        "Mail relay: `smtp://user:password@host:587` (STARTTLS), `smtps://…` (TLS) or "
        "`smtp+plain://host:port` (no TLS); without it no e-mail is sent",
        default=None,
        secret=True,
    )
    mail_from: str = setting("Sender's address of every e-mail", default="connectrex@localhost")
    stripe_key: str | None = setting(
        "Secret key of the Stripe account that takes payments; without it nobody pays online",
        default=None,
        secret=True,
    )
    stripe_webhook_secrets: str | None = setting(
        "Signing secret of Stripe's webhook endpoint; two, with a comma between, while it is changed",
        default=None,
        secret=True,
    )
    stripe_api: str | None = setting(
        "Where the local payment provider listens; demo and test only", default=None
    )
    metrics_token: str | None = setting(
        "Bearer token that `/metrics` asks for; without it `/metrics` answers 404 in production",
        default=None,
        secret=True,
    )
    worker_metrics_port: int | None = setting(
        "Port of 127.0.0.1 where `connectrex worker` shows its counters, without a token; "
        "without it nowhere",
        default=None,
    )
    android_apps: str | None = setting(
        "Our Android apps, `package=digest,…`: SHA-256 of the signing certificate in hexadecimal, "
        "`+` between those of several signers; without it `android-key` is refused",
        default=None,
    )
    android_status_list: str = setting(
        "List of revoked attestation keys: an `https://` URL, or a file that you keep fresh",
        default="https://android.googleapis.com/attestation/status",
    )
    android_least_patch: int | None = setting(
        "Oldest security patch of an Android phone's system that is accepted, `YYYYMM`",
        default=None,
    )
    android_boot_keys: str | None = setting(
        "Boot keys of owners' systems that are accepted, hexadecimal digests with `,` between",
        default=None,
    )
    ios_apps: str | None = setting(
        "Our iOS apps, `TEAM.bundle.identifier,…`; without it `apple-appattest` is refused",
        default=None,
    )
    app_attest_environment: str = setting(
        "`production`, or `development` (never in production mode)", default="production"
    )
    play_integrity_keys: Path | None = setting(
        'JSON file `{"package": {"decryption": "…", "verification": "…"}}` as the Play Console '
        "gives them; without it `play-integrity` is refused",
        default=None,
    )
    attestation_roots: Path | None = setting(
        "PEM file of the roots of all evidence, instead of Google's and Apple's; demo and test only",
        default=None,
    )
    stepped_clock: Path | None = setting(
        "File of a stepped clock; demo and test only", default=None
    )

    @property
    def embedded(self) -> bool:
        """Whether the database is SQLite: one process, with the worker inside."""
        return self.database_url.startswith("sqlite")

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise SettingsError("\n".join(problems))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Return the settings that `CONNECTREX_*` variables describe.

        Outside production a missing root secret, key file and public URL are made up and kept in
        `var/`, so that `make run` works on an empty machine. Raises SettingsError.
        """
        given = {
            item.name: _parse(item.name, environment[PREFIX + item.name.upper()])
            for item in fields(cls)
            if environment.get(PREFIX + item.name.upper())
        }
        _refuse_unknown(environment)
        if given.get("mode", Mode.PRODUCTION) is not Mode.PRODUCTION:
            given = _made_up_without(given) | given
        required = [item.name for item in fields(cls) if item.default is MISSING]
        missing = [PREFIX + name.upper() for name in required if name not in given]
        if missing:
            raise SettingsError("missing: " + ", ".join(missing))
        return cls(**given)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {PREFIX + item.name.upper() for item in fields(Settings)}
    unknown = [name for name in environment if name.startswith(PREFIX) and name not in known]
    if unknown:
        raise SettingsError("unknown: " + ", ".join(sorted(unknown)))


def _parse(name: str, text: str) -> Any:
    """Return the typed value of one variable; the error never repeats it."""
    try:
        match name:
            case "mode":
                return Mode(text)
            case "root_secret":
                return bytes.fromhex(text)
            case "trusted_proxies" | "worker_metrics_port" | "android_least_patch":
                return int(text)
            case (
                "server_keys"
                | "fcm_credentials"
                | "fcm_ca_bundle"
                | "stepped_clock"
                | "play_integrity_keys"
                | "attestation_roots"
            ):
                return Path(text)
            case _:
                return text
    except ValueError:
        raise SettingsError(f"{PREFIX}{name.upper()} cannot be read") from None


def _problems(settings: Settings) -> list[str]:
    """Return every reason why these settings must not start, in words for the operator."""
    url = urlsplit(settings.public_url)
    port, credentials = settings.worker_metrics_port, settings.fcm_credentials
    wrong = {
        "ROOT_SECRET must have at least 64 hexadecimal digits": len(settings.root_secret)
        < ROOT_SECRET_BYTES,
        "PUBLIC_URL must be scheme and host only": url.scheme not in {"http", "https"}
        or not url.netloc
        or bool(url.path or url.query),
        "TRUSTED_PROXIES cannot be negative": settings.trusted_proxies < 0,
        "WORKER_METRICS_PORT is no port": port is not None and port not in _PORTS,
        "SERVER_KEYS names no file": not settings.server_keys.is_file(),
        "ANDROID_STATUS_LIST is neither https nor a file": "://" in settings.android_status_list
        and not settings.android_status_list.startswith("https://"),
        "FCM_CREDENTIALS names no file": credentials is not None and not credentials.is_file(),
        "STRIPE_KEY and STRIPE_WEBHOOK_SECRETS need each other": bool(settings.stripe_key)
        is not bool((settings.stripe_webhook_secrets or "").strip(",")),
    }
    if settings.mode is Mode.PRODUCTION:
        wrong |= {
            "PUBLIC_URL must be https in production": url.scheme != "https",
            "SMTP_URL is needed: a critical alert goes out by e-mail": settings.smtp_url is None,
            "APP_ATTEST_ENVIRONMENT must be production": settings.app_attest_environment
            != "production",
        }
    if settings.mode not in {Mode.DEMO, Mode.TEST}:
        wrong |= {
            "STEPPED_CLOCK is for demo and test only": settings.stepped_clock is not None,
            "ATTESTATION_ROOTS is for demo and test only": settings.attestation_roots is not None,
            "FCM_PROXY on this machine is for demo and test only": _is_here(settings.fcm_proxy),
            "FCM_CREDENTIALS of the local fake are for demo and test only": _are_fake(credentials),
            "STRIPE_API is for demo and test only": settings.stripe_api is not None,
            "STRIPE_KEY of the local fake is for demo and test only": settings.stripe_key
            == LOCAL_STRIPE_KEY,
        }
    return [PREFIX + problem for problem, is_wrong in wrong.items() if is_wrong]


def _is_here(proxy: str | None) -> bool:
    """Whether a proxy, with or without a scheme, is on this machine: then it may be the fake."""
    if proxy is None:
        return False
    try:
        host = urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _are_fake(credentials: Path | None) -> bool:
    """Whether a service account is the local FCM's; what cannot be read is the channel's matter."""
    try:
        account = None if credentials is None else json.loads(credentials.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(account, dict) and account.get("project_id") == LOCAL_FCM_PROJECT


def _made_up_without(given: Mapping[str, Any]) -> dict[str, Any]:
    makers: dict[str, Callable[[], Any]] = {
        "root_secret": lambda: _kept_secret(Path("var/root-secret")),
        "server_keys": lambda: kept_server_keys(Path("var/server-keys.pem")),
        "public_url": lambda: "http://127.0.0.1:8000",
    }
    return {name: make() for name, make in makers.items() if name not in given}


def _kept_secret(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(ROOT_SECRET_BYTES), encoding="ascii")
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


def kept_server_keys(path: Path) -> Path:
    """Return `path`, after writing one fresh P-256 key there if nothing was: never in production."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return path
