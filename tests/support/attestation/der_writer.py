"""DER, written plainly: what the reader under test is told."""

from __future__ import annotations


def tlv(tag: int | bytes, content: bytes) -> bytes:
    """A tag, the shortest length, the content."""
    head = bytes([tag]) if isinstance(tag, int) else tag
    length = len(content)
    if length < 0x80:
        return head + bytes([length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return head + bytes([0x80 | len(octets)]) + octets + content


def integer(value: int, tag: int = 0x02) -> bytes:
    """An INTEGER, or another tag with an integer's content."""
    bits = (value if value >= 0 else ~value).bit_length()
    return tlv(tag, value.to_bytes(bits // 8 + 1, signed=True))


def enumerated(value: int) -> bytes:
    return integer(value, 0x0A)


def octets(content: bytes) -> bytes:
    return tlv(0x04, content)


def boolean(value: bool) -> bytes:
    return tlv(0x01, b"\xff" if value else b"\x00")


def null() -> bytes:
    return tlv(0x05, b"")


def sequence(*members: bytes) -> bytes:
    return tlv(0x30, b"".join(members))


def set_of(*members: bytes) -> bytes:
    return tlv(0x31, b"".join(members))


def context(number: int, member: bytes) -> bytes:
    """An explicit context tag of any number."""
    if number < 0x1F:
        return tlv(0xA0 | number, member)
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return tlv(bytes([0xBF, *reversed(digits)]), member)
