"""Roots of trust as an operator may give them."""

from __future__ import annotations

from base64 import encodebytes

import pytest

from backend.attestation.trust import Roots, android_roots, read_roots
from tests.support.attestation.x509_writer import Link, name, new_key, roots_of


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + encodebytes(der) + b"-----END CERTIFICATE-----\n"


ROOT = Link(subject=name(COMMON_NAME="Test Root"), key=new_key())


def test_an_empty_set_trusts_nothing() -> None:
    nobody = Roots(certificates=())

    assert not nobody.trusts(b"")
    assert nobody.issuer_of(roots_of(ROOT.certificate(ROOT)).certificates[0]) is None


def test_a_file_without_certificates_is_a_fault_of_the_operator() -> None:
    with pytest.raises(ValueError, match="PEM"):
        read_roots(b"no certificate here")


def test_a_root_that_is_too_large_is_a_fault_of_the_operator() -> None:
    large = Link(
        subject=name(COMMON_NAME="Test Root"), key=new_key(), extensions=(("1.2.3", bytes(9000)),)
    )

    with pytest.raises(ValueError, match="8 KiB"):
        read_roots(_pem(large.certificate(large)))


def test_the_version_names_the_keys_in_any_order() -> None:
    other = Link(subject=name(COMMON_NAME="Test Root"), key=new_key())
    first, second = ROOT.certificate(ROOT), other.certificate(other)

    assert roots_of(first, second).version == roots_of(second, first).version
    assert roots_of(first).version != roots_of(second).version
    assert roots_of(first).version == read_roots(_pem(first)).version
    assert android_roots().version == android_roots().version
