"""Server keys rotated as docs/operating.md tells it: nothing that an older one signed is void."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from backend.core.settings import kept_server_keys
from backend.simulator.position import Position
from backend.simulator.receipt import FIX_RECEIPT, JOURNAL_RECEIPT, ReceiptKeys
from backend.simulator.wire import HttpRequest
from tests.faults.scene import scene_on
from tests.support.sites import Line, Site, carry

HERE = Position(latitude=45.2734, longitude=13.7141, accuracy_m=8.0)


@pytest.fixture
def server_keys(tmp_path: Path) -> Path:
    """A file that is the test's own: keys of others must not change."""
    return kept_server_keys(tmp_path / "server-keys.pem")


def new_private_pem() -> bytes:
    """A key in the form that `openssl ecparam -genkey -noout` writes."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public_half(private_pem: bytes) -> bytes:
    key = load_pem_private_key(private_pem, password=None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def restarted_with(site: Site, *pems: bytes) -> dict[str, Any]:
    """End the site, give it these keys, start it; return the key set that it publishes."""
    site.stop()
    site.settings.server_keys.write_bytes(b"".join(pems))
    site.start()
    url = f"{site.settings.public_url}/.well-known/jwks.json"
    published: dict[str, Any] = carry(
        HttpRequest(method="GET", url=url, headers={}, body=b"")
    ).json()
    return published


def kids_of(key_set: dict[str, Any]) -> list[str]:
    return [key["kid"] for key in key_set["keys"]]


def kid_of(signed: str) -> str:
    head = signed.partition(".")[0]
    kid: str = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    return kid


def test_what_a_retired_key_signed_is_good_and_the_new_one_signs(site: Site) -> None:
    phone = scene_on(site, Line(site)).phone
    old, new = site.settings.server_keys.read_bytes(), new_private_pem()
    live = phone.send_fix(HERE).json()
    token = phone.token()
    phone.buffer_fix(HERE)
    text = phone.write_journal()
    taken = phone.send_token(text).json()

    key_set = restarted_with(site, new, public_half(old))

    keys = ReceiptKeys(key_set)
    new_kid, old_kid = kids_of(key_set)
    assert {kid_of(each) for each in (live["receipt"], taken["receipt"], token)} == {old_kid}
    assert keys.read(live["receipt"], FIX_RECEIPT) is not None
    said = keys.read(taken["receipt"], JOURNAL_RECEIPT)
    assert said is not None

    again = phone.send_token(text).json()
    assert kid_of(again["receipt"]) == new_kid
    assert keys.read(again["receipt"], JOURNAL_RECEIPT) == said
    assert again | {"receipt": ""} == taken | {"receipt": ""}

    site.clock.step_to(site.clock.now() + timedelta(minutes=1))
    later = phone.send_fix(HERE)
    assert later.status == 200
    assert phone.token() == token  # it was good, and so not renewed
    assert kid_of(later.json()["receipt"]) == new_kid
    assert keys.read(later.json()["receipt"], FIX_RECEIPT) is not None

    site.clock.step_to(site.clock.now() + timedelta(minutes=15))
    assert kid_of(phone.token()) == new_kid
    assert phone.send_fix(HERE).status == 200


def test_a_server_that_knows_the_next_key_takes_its_tokens_before_it_signs_with_it(
    site: Site,
) -> None:
    phone = scene_on(site, Line(site)).phone
    old, new = site.settings.server_keys.read_bytes(), new_private_pem()
    restarted_with(site, new, public_half(old))
    token = phone.token()

    key_set = restarted_with(site, old, public_half(new))

    assert kids_of(key_set)[1] == kid_of(token)
    answer = phone.send_fix(HERE)
    assert answer.status == 200
    assert phone.token() == token
    assert kid_of(answer.json()["receipt"]) == kids_of(key_set)[0]


def test_what_a_key_signed_that_was_taken_out_is_void_and_phones_go_on(site: Site) -> None:
    phone = scene_on(site, Line(site)).phone
    receipt = phone.send_fix(HERE).json()["receipt"]
    token = phone.token()

    key_set = restarted_with(site, new_private_pem())

    (new_kid,) = kids_of(key_set)
    assert ReceiptKeys(key_set).read(receipt, FIX_RECEIPT) is None
    site.clock.step_to(site.clock.now() + timedelta(minutes=1))
    assert phone.send_fix(HERE).status == 200
    assert phone.token() != token
    assert kid_of(phone.token()) == new_kid
