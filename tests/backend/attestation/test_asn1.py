"""The readers of DER and BER: one encoding for one value, and no way to make them wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.attestation import ber, der
from backend.attestation.der import Element, NotDerError, WrongShapeError
from tests.support.attestation.der_writer import (
    boolean,
    context,
    enumerated,
    integer,
    null,
    octets,
    sequence,
    set_of,
    tlv,
)

NOT_DER: Final = {
    "nothing": b"",
    "a tag alone": b"\x02",
    "a length beyond the end": b"\x04\x02\x00",
    "no length": b"\xbf\x3d",
    "an endless tag": b"\xbf\x81",
    "a tag that begins with zero": b"\xbf\x80\x3d\x00",
    "a low tag in high form": b"\xbf\x1e\x00",
    "a tag beyond counting": b"\xbf\x84\x80\x80\x00\x00",
    "an indefinite length": b"\x30\x80\x00\x00",
    "a long form for a short length": b"\x04\x81\x01\x00",
    "a length with leading zero": b"\x04\x82\x00\x80" + bytes(128),
    "a length of four bytes": b"\x04\x84\x00\x00\x00\x01\x00",
    "half a length": b"\x04\x82\x01",
}
READERS: Final[list[Callable[[Element], object]]] = [
    Element.integer,
    Element.enumerated,
    Element.octets,
    Element.boolean,
    Element.null,
    Element.sequence,
    Element.set_of,
    lambda element: element.explicit(1),
]
VALUES: Final = [
    integer(1),
    enumerated(1),
    octets(b"1"),
    boolean(value=True),
    null(),
    sequence(),
    set_of(),
    context(1, null()),
]


@pytest.mark.parametrize("name", NOT_DER)
def test_what_is_no_der_is_refused(name: str) -> None:
    with pytest.raises(NotDerError):
        der.single(NOT_DER[name])


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (tlv(0x02, b""), Element.integer),
        (tlv(0x02, b"\x00\x7f"), Element.integer),
        (tlv(0x02, b"\xff\x80"), Element.integer),
        (tlv(0x02, bytes(10)), Element.integer),
        (tlv(0x0A, b""), Element.enumerated),
        (tlv(0x01, b"\x01"), Element.boolean),
        (tlv(0x01, b""), Element.boolean),
        (tlv(0x05, b"\x00"), Element.null),
        (tlv(0x24, octets(b"split")), Element.octets),
        (tlv(0x10, b""), Element.sequence),
        (tlv(0x11, b""), Element.set_of),
    ],
)
def test_values_that_der_writes_otherwise_are_refused(
    data: bytes, read: Callable[[Element], object]
) -> None:
    with pytest.raises(NotDerError):
        read(der.single(data))


@pytest.mark.parametrize("right", range(len(READERS)))
def test_each_value_is_read_as_what_it_is_and_as_nothing_else(right: int) -> None:
    for place, value in enumerate(VALUES):
        if place == right:
            READERS[right](der.single(value))
        else:
            with pytest.raises(WrongShapeError):
                READERS[right](der.single(value))


def test_an_explicit_tag_holds_one_value_of_its_number() -> None:
    with pytest.raises(WrongShapeError):
        der.single(context(704, null())).explicit(705)
    with pytest.raises(WrongShapeError):
        der.single(context(704, null() + null())).explicit(704)
    with pytest.raises(WrongShapeError):
        der.single(tlv(0x81, b"")).explicit(1)
    with pytest.raises(NotDerError):
        der.single(context(704, b"")).explicit(704)


@given(value=st.integers(min_value=-(2**70), max_value=2**70))
def test_integers_up_to_72_bits_come_back(value: int) -> None:
    assert der.single(integer(value)).integer() == value


@given(number=st.integers(min_value=0, max_value=0xFFFF), content=st.binary(max_size=300))
def test_tags_and_lengths_of_every_size_come_back(number: int, content: bytes) -> None:
    element = der.single(context(number, octets(content)))

    assert element.number == number
    assert element.explicit(number).octets() == content
    assert element.encoded == context(number, octets(content))


@given(parts=st.lists(st.binary(max_size=200), max_size=4))
def test_a_text_that_ber_splits_is_one_text(parts: list[bytes]) -> None:
    definite = tlv(0x24, b"".join(map(octets, parts)))
    indefinite = b"\x24\x80" + b"".join(map(octets, parts)) + b"\x00\x00"

    assert ber.single(definite).octets() == b"".join(parts)
    assert ber.single(indefinite).octets() == b"".join(parts)


def test_ber_keeps_the_bytes_that_came() -> None:
    inner = sequence(integer(1), octets(b"x" * 200))

    outer = ber.single(b"\x30\x80" + inner + null() + b"\x00\x00")

    assert [part.encoded for part in outer.within(ber.SEQUENCE)] == [inner, null()]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x80\x00",
        b"\x04\x80\x00\x00",
        b"\x04\x05\x00",
        b"\x04\x84\x00\x00\x00\x00",
        b"\x04\x82\x00",
        b"\x3f\x1f\x00",
        b"\x05\x00\x00",
        b"\x30\x80" * 20 + b"\x00\x00" * 20,
    ],
)
def test_what_is_no_ber_is_refused(data: bytes) -> None:
    with pytest.raises(NotDerError):
        ber.single(data).octets()


def test_a_split_text_of_other_things_is_refused() -> None:
    with pytest.raises(WrongShapeError):
        ber.single(tlv(0x24, integer(1))).octets()
    with pytest.raises(WrongShapeError):
        ber.single(integer(1)).octets()
    with pytest.raises(WrongShapeError):
        ber.single(octets(b"")).within(ber.SEQUENCE)
