"""Whatever a phone sends: an answer, never an exception, never a long wait."""

from __future__ import annotations

from time import process_time
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from backend.attestation.android.attestation import AndroidAttestation
from backend.attestation.android.chain import read_x5c
from backend.attestation.android.extension import read_key_description
from backend.attestation.android.key_description import KeyDescription
from backend.attestation.android.refusal import AndroidRefusal
from tests.support.attestation.android_ca import (
    FACTORY_CHAIN,
    GOOD_HARDWARE,
    GOOD_SOFTWARE,
    Attempt,
    Statement,
)
from tests.support.attestation.der_writer import context, integer, null, octets, sequence, tlv
from tests.support.attestation.x509_writer import chain

EXTENSION: Final = Statement().der()
DERS: Final = chain(FACTORY_CHAIN)
LONGEST_S: Final = 0.25

KNOWN_TAGS: Final = sorted({*GOOD_SOFTWARE, *GOOD_HARDWARE, 4, 6, 203, 303, 405, 600, 601, 724})
numbers: Final = st.sampled_from(KNOWN_TAGS) | st.integers(min_value=0, max_value=70_000)
values: Final = st.recursive(
    st.one_of(
        st.integers(min_value=-(2**80), max_value=2**80).map(integer),
        st.binary(max_size=40).map(octets),
        st.builds(tlv, st.integers(min_value=0, max_value=255), st.binary(max_size=12)),
        st.just(null()),
        st.sampled_from([*GOOD_SOFTWARE.values(), *GOOD_HARDWARE.values()]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: sequence(*parts)),
        st.builds(context, numbers, inner),
        inner.map(octets),
    ),
    max_leaves=8,
)
lists: Final = st.dictionaries(numbers, values, max_size=8)


def answer(extension: bytes) -> KeyDescription | AndroidRefusal:
    """What is read, which must come soon."""
    before = process_time()
    read = read_key_description(extension)
    assert process_time() - before < LONGEST_S
    assert isinstance(read, KeyDescription) or read in {
        AndroidRefusal.EXTENSION_NOT_DER,
        AndroidRefusal.EXTENSION_WRONG_SHAPE,
    }
    return read


@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    answer(data)


@given(
    at=st.integers(min_value=0, max_value=len(EXTENSION) - 1),
    cut=st.integers(min_value=0, max_value=8),
    put=st.binary(max_size=8),
)
def test_no_change_of_a_good_extension_breaks_the_parser(at: int, cut: int, put: bytes) -> None:
    answer(EXTENSION[:at] + put + EXTENSION[at + cut :])


@given(software=lists, hardware=lists)
def test_no_values_behind_any_tags_break_the_parser(
    software: dict[int, bytes], hardware: dict[int, bytes]
) -> None:
    answer(Statement(software=software, hardware=hardware).der())


@given(length=st.integers(min_value=0, max_value=len(EXTENSION) - 1))
def test_no_beginning_of_an_extension_is_one(length: int) -> None:
    assert answer(EXTENSION[:length]) is AndroidRefusal.EXTENSION_NOT_DER


def test_the_longest_extensions_are_answered_soon() -> None:
    many_tags = sequence(*(context(number, null()) for number in range(1000, 2300)))
    nested = null()
    for _ in range(1500):
        nested = sequence(nested)
    flat = sequence(*[null()] * 4000)

    for extension in (
        sequence(*[integer(1)] * 6, many_tags, many_tags),
        Statement(hardware={704: nested}).der(),
        Statement(hardware={1: flat}).der(),
        b"\x30\x80" * 4000,
        b"\xbf" + b"\xff" * 8000,
        b"\x30\x84\xff\xff\xff\xff",
    ):
        answer(extension)


@given(
    which=st.integers(min_value=0, max_value=len(DERS) - 1),
    place=st.floats(min_value=0, max_value=1, exclude_max=True),
    put=st.binary(min_size=1, max_size=4),
)
def test_no_changed_certificate_is_accepted_in_place_of_a_good_one(
    which: int, place: float, put: bytes
) -> None:
    good = DERS[which]
    at = int(place * len(good))
    changed = good[:at] + put + good[at + len(put) :]

    verdict = Attempt(ders=(*DERS[:which], changed, *DERS[which + 1 :])).verdict()

    # The root is trusted for its key: the rest of its certificate means nothing.
    is_root = which == len(DERS) - 1
    assert changed == good or is_root or isinstance(verdict, AndroidRefusal)


@given(st.lists(st.binary(max_size=60) | st.sampled_from(DERS), max_size=9))
def test_no_list_of_bytes_is_a_chain_but_the_good_one(ders: list[bytes]) -> None:
    verdict = Attempt(ders=tuple(ders)).verdict()

    assert isinstance(verdict, AndroidAttestation) is (tuple(ders) == DERS)


@given(st.lists(st.text(max_size=40) | st.just("MIIB"), max_size=9))
def test_no_texts_break_the_reading_of_x5c(texts: list[str]) -> None:
    read = read_x5c(texts)

    assert isinstance(read, tuple | AndroidRefusal)
