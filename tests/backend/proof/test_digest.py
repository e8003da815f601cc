"""Content-Digest as RFC 9530 writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.proof.digest import content_digest, matches, parse_content_digest

# RFC 9530, appendix B.1: the body of a JSON resource, with its line end.
EXAMPLE_BODY = b'{"hello": "world"}\n'
EXAMPLE = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
EMPTY = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


def test_the_rfcs_example_comes_out() -> None:
    assert content_digest(EXAMPLE_BODY) == EXAMPLE
    assert matches(EXAMPLE, EXAMPLE_BODY)
    assert content_digest(b"") == EMPTY


@pytest.mark.parametrize(
    "header",
    [
        f"sha-512=:AAAA:, {EXAMPLE}",
        f"{EXAMPLE},unixsum=:AAAA:",
        f"  {EXAMPLE}\t",
    ],
)
def test_other_algorithms_beside_it_are_passed_over(header: str) -> None:
    assert matches(header, EXAMPLE_BODY)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "sha-256",
        "sha-256=",
        "sha-256=::",
        "sha-256=:A:",
        "sha-256=:AAAA:",
        "sha-256=:" + "A" * 44 + ":",
        "SHA-256" + EXAMPLE[7:],
        EXAMPLE[:-1],
        EXAMPLE.replace(":", '"'),
        EXAMPLE.replace("/", "_"),
        EXAMPLE.replace("=:", "=:\n", 1),
        EXAMPLE.replace("=:", ":", 2),
        f"{EXAMPLE},",
        f"{EXAMPLE}, {EXAMPLE}",
        f"{EXAMPLE}, {EMPTY}",
        f"{EXAMPLE};q=1",
        "sha-512=:AAAA:",
        EXAMPLE + "é",
        f"{EXAMPLE}, sha-512=:" + "A" * 1000 + ":",
    ],
)
def test_a_field_that_states_no_sha_256_states_nothing(header: str) -> None:
    assert parse_content_digest(header) is None
    assert not matches(header, EXAMPLE_BODY)


@given(text=st.text(max_size=100))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert parse_content_digest(text) is None


@given(body=st.binary(max_size=300), other=st.binary(max_size=300))
def test_a_digest_matches_its_own_body_only(body: bytes, other: bytes) -> None:
    assert matches(content_digest(body), body)
    assert matches(content_digest(body), other) == (body == other)
