"""The server's keys: the first signs, all verify, nothing else is taken."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from backend.proof.server_keys import ServerKeys
from backend.proof.thumbprint import jwk_of, p256_jwk, public_key_of, thumbprint
from tests.backend.proof.forge import PHONE, SERVER, STRANGER, pem


def test_the_first_key_signs_and_all_are_published() -> None:
    keys = ServerKeys.from_pem(
        pem(SERVER) + b"a remark\n" + pem(PHONE, public=True) + pem(STRANGER)
    )

    kids = [thumbprint(jwk_of(key.public_key())) for key in (SERVER, PHONE, STRANGER)]
    assert keys.signing_kid == kids[0]
    published = keys.jwks()["keys"]
    assert [key["kid"] for key in published] == kids
    assert all(key["alg"] == "ES256" and key["use"] == "sig" for key in published)
    assert all("d" not in key for key in published)
    assert keys.public_key(kids[1]) == PHONE.public_key()


def test_the_form_of_older_openssl_is_read() -> None:
    text = SERVER.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    keys = ServerKeys.from_pem(
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + text
    )

    assert list(keys.public_keys.values()) == [SERVER.public_key()]


@pytest.mark.parametrize("kid", [None, 1, "", "unknown", ["kid"], {}])
def test_an_unknown_kid_names_no_key(kid: object) -> None:
    assert ServerKeys.from_pem(pem(SERVER)).public_key(kid) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no key",
        pem(SERVER, public=True),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(rsa.generate_private_key(65537, 2048)),
        pem(SERVER) + pem(ec.generate_private_key(ec.SECP384R1()), public=True),
        pem(SERVER) + pem(ed25519.Ed25519PrivateKey.generate(), public=True),
        pem(SERVER) + pem(ed25519.Ed25519PrivateKey.generate()),
        pem(SERVER).replace(b"M", b"N"),
    ],
)
def test_other_keys_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ServerKeys.from_pem(text)


def test_a_private_key_does_not_show() -> None:
    assert "signing_key" not in repr(ServerKeys.from_pem(pem(SERVER)))


def test_a_key_survives_its_jwk() -> None:
    jwk = p256_jwk(jwk_of(PHONE.public_key()))

    assert jwk is not None
    assert public_key_of(jwk) == PHONE.public_key()


def test_a_coordinate_that_is_not_base64url_is_no_key() -> None:
    assert public_key_of(jwk_of(PHONE.public_key()) | {"x": "="}) is None
