from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from backend.core.settings import PREFIX, Mode, Settings, SettingsError, kept_server_keys
from backend.simulator.fcm_service import PushService
from backend.simulator.provider import SECRET_KEY, WEBHOOK_SECRET

SECRET = "ab" * 32


@pytest.fixture
def production(tmp_path: Path) -> dict[str, str]:
    return {
        "CONNECTREX_ROOT_SECRET": SECRET,
        "CONNECTREX_SERVER_KEYS": str(kept_server_keys(tmp_path / "keys.pem")),
        "CONNECTREX_PUBLIC_URL": "https://connectrex.test",
        "CONNECTREX_SMTP_URL": "smtps://relay.test:465",
        "CONNECTREX_METRICS_TOKEN": "invented",
    }


def test_an_empty_environment_names_what_is_missing() -> None:
    with pytest.raises(SettingsError, match=r"ROOT_SECRET.*SERVER_KEYS.*PUBLIC_URL"):
        Settings.from_environment({})


def test_production_is_the_mode_that_needs_no_word(production: dict[str, str]) -> None:
    assert Settings.from_environment(production).mode is Mode.PRODUCTION


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ROOT_SECRET": "ab"}, "ROOT_SECRET"),
        ({"ROOT_SECRET": "not hexadecimal"}, "ROOT_SECRET"),
        ({"PUBLIC_URL": "http://connectrex.test"}, "https"),
        ({"PUBLIC_URL": "https://connectrex.test/path"}, "PUBLIC_URL"),
        ({"SERVER_KEYS": "/nowhere"}, "SERVER_KEYS"),
        ({"STEPPED_CLOCK": "/tmp/clock"}, "demo and test only"),
        ({"ATTESTATION_ROOTS": "/tmp/roots.pem"}, "demo and test only"),
        ({"APP_ATTEST_ENVIRONMENT": "development"}, "APP_ATTEST_ENVIRONMENT"),
        ({"ANDROID_STATUS_LIST": "http://mirror.internal/status"}, "ANDROID_STATUS_LIST"),
        ({"ANDROID_LEAST_PATCH": "March"}, "ANDROID_LEAST_PATCH"),
        ({"FCM_PROXY": "http://127.0.0.1:9"}, "demo and test only"),
        ({"FCM_PROXY": "http://localhost:9"}, "demo and test only"),
        ({"FCM_PROXY": "https://LOCALHOST:9"}, "demo and test only"),
        ({"FCM_PROXY": "http://[::1]:9"}, "demo and test only"),
        ({"FCM_PROXY": "127.0.0.2:9"}, "demo and test only"),
        ({"FCM_PROXY": "http://0.0.0.0:9"}, "demo and test only"),
        ({"STRIPE_KEY": "sk_live_invented"}, "need each other"),
        ({"STRIPE_KEY": "sk_live_invented", "STRIPE_WEBHOOK_SECRETS": ","}, "need each other"),
        ({"STRIPE_WEBHOOK_SECRETS": "whsec_invented"}, "need each other"),
        (
            {"STRIPE_KEY": SECRET_KEY, "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET},
            "STRIPE_KEY of the local fake",
        ),
        ({"STRIPE_API": "http://127.0.0.1:9"}, "demo and test only"),
        ({"STRIPE_API": "https://stripe.invented.example"}, "demo and test only"),
        ({"MODE": "development", "STRIPE_API": "http://127.0.0.1:9"}, "demo and test only"),
        ({"SMTP_URL": ""}, "SMTP_URL"),
        ({"WORKER_METRICS_PORT": "0"}, "WORKER_METRICS_PORT"),
        ({"WORKER_METRICS_PORT": "65536"}, "WORKER_METRICS_PORT"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "many"}, "TRUSTED_PROXIES"),
        ({"MODE": "staging"}, "MODE"),
        ({"ROOT_SECERT": SECRET}, "unknown: CONNECTREX_ROOT_SECERT"),
    ],
)
def test_production_refuses_to_start(
    production: dict[str, str], change: dict[str, str], reason: str
) -> None:
    environment = production | {PREFIX + name: value for name, value in change.items()}

    with pytest.raises(SettingsError, match=reason):
        Settings.from_environment(environment)


@pytest.mark.parametrize("mode", ["production", "development"])
def test_the_local_fcm_is_refused_where_people_are_supervised(
    production: dict[str, str], tmp_path: Path, mode: str
) -> None:
    account = PushService().account_info("https://127.0.0.1:9/token")
    (tmp_path / "account.json").write_text(json.dumps(account), encoding="utf-8")
    fake = {"MODE": mode, "FCM_CREDENTIALS": str(tmp_path / "account.json")}

    with pytest.raises(SettingsError, match="FCM_CREDENTIALS of the local fake"):
        Settings.from_environment(
            production | {PREFIX + name: value for name, value in fake.items()}
        )


@pytest.mark.parametrize("account", ["", "[]", '{"project_id": "county-supervision"}'])
def test_any_other_service_account_is_left_to_the_channel(
    production: dict[str, str], tmp_path: Path, account: str
) -> None:
    (tmp_path / "account.json").write_text(account, encoding="utf-8")

    settings = Settings.from_environment(
        production
        | {
            "CONNECTREX_FCM_CREDENTIALS": str(tmp_path / "account.json"),
            "CONNECTREX_FCM_PROXY": "http://proxy.internal:3128",
        }
    )

    assert settings.fcm_credentials == tmp_path / "account.json"


def test_a_proxy_on_this_machine_is_refused_in_development_too(
    production: dict[str, str],
) -> None:
    fake = {"CONNECTREX_MODE": "development", "CONNECTREX_FCM_PROXY": "http://127.0.0.1:9"}

    with pytest.raises(SettingsError, match="FCM_PROXY"):
        Settings.from_environment(production | fake)


def test_development_makes_up_what_is_missing_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    first = Settings.from_environment({"CONNECTREX_MODE": "development"})
    second = Settings.from_environment({"CONNECTREX_MODE": "development"})

    assert first == second
    assert first.root_secret != bytes(32)


def test_nothing_is_made_up_beside_what_is_given(
    production: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)

    Settings.from_environment(production | {"CONNECTREX_MODE": "development"})

    assert list(empty.iterdir()) == []


def test_the_payment_providers_secrets_are_not_shown(production: dict[str, str]) -> None:
    stripe = {"STRIPE_KEY": "sk_live_invented", "STRIPE_WEBHOOK_SECRETS": "whsec_1,whsec_2"}

    shown = repr(
        Settings.from_environment(
            production | {PREFIX + name: value for name, value in stripe.items()}
        )
    )

    assert "whsec_1" not in shown
    assert "sk_live_invented" not in shown


def test_secrets_are_not_shown(production: dict[str, str]) -> None:
    settings = Settings.from_environment(production)

    shown = repr(settings)

    for value in (SECRET, repr(settings.root_secret), "relay.test", "invented"):
        assert value not in shown


def test_the_operators_table_is_complete() -> None:
    table = Path("docs/operating.md").read_text(encoding="utf-8")

    for item in fields(Settings):
        row = f"| `{PREFIX}{item.name.upper()}` | {item.metadata['help']} |"
        assert row in table


def test_settings_are_frozen(production: dict[str, str]) -> None:
    settings = Settings.from_environment(production)

    with pytest.raises(AttributeError):
        settings.mode = Mode.TEST  # type: ignore[misc]  # the case under test
    with pytest.raises(SettingsError):
        replace(settings, root_secret=b"")
