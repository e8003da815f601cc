"""The key attestation extension's bytes, read into a `KeyDescription`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

from backend.attestation import der
from backend.attestation.android.key_description import (
    ApplicationId,
    AuthorizationList,
    KeyDescription,
    Origin,
    Package,
    RootOfTrust,
    SecurityLevel,
    VerifiedBootState,
)
from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.der import Element, NotDerError, WrongShapeError

_Named = TypeVar("_Named", bound=Enum)


def read_key_description(data: bytes) -> KeyDescription | AndroidRefusal:
    """The extension's value, or EXTENSION_NOT_DER, or EXTENSION_WRONG_SHAPE.

    Tags that have no name here are kept as bytes; a value that a known tag must not have is refused.
    """
    try:
        return _key_description(der.single(data))
    except NotDerError:
        return AndroidRefusal.EXTENSION_NOT_DER
    except WrongShapeError:
        return AndroidRefusal.EXTENSION_WRONG_SHAPE


def _key_description(element: Element) -> KeyDescription:
    match element.sequence():
        case (version, level, mint_version, mint_level, challenge, unique_id, software, hardware):
            return KeyDescription(
                attestation_version=version.integer(),
                attestation_security_level=_named(SecurityLevel, level.enumerated()),
                key_mint_version=mint_version.integer(),
                key_mint_security_level=_named(SecurityLevel, mint_level.enumerated()),
                attestation_challenge=challenge.octets(),
                unique_id=unique_id.octets(),
                software_enforced=_authorization_list(software),
                hardware_enforced=_authorization_list(hardware),
            )
        case _:
            raise WrongShapeError


def _authorization_list(element: Element) -> AuthorizationList:
    known: dict[str, Any] = {}
    unknown: dict[int, bytes] = {}
    tags = element.sequence()
    numbers = [tagged.number for tagged in tags]
    if len(set(numbers)) != len(numbers):
        raise WrongShapeError
    for tagged in tags:
        number, value = tagged.number, tagged.explicit(tagged.number)
        if number in _TAGS:
            name, read = _TAGS[number]
            known[name] = read(value)
        else:
            unknown[number] = value.encoded
    return AuthorizationList(**known, unknown=unknown, tags_ordered=numbers == sorted(numbers))


def _integers(element: Element) -> tuple[int, ...]:
    return tuple(member.integer() for member in element.set_of())


def _text(element: Element) -> str:
    try:
        return element.octets().decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise WrongShapeError from None


def _origin(element: Element) -> Origin:
    return _named(Origin, element.integer())


def _root_of_trust(element: Element) -> RootOfTrust:
    match element.sequence():
        case (boot_key, locked, state, *boot_hash) if len(boot_hash) <= 1:
            return RootOfTrust(
                verified_boot_key=boot_key.octets(),
                device_locked=locked.boolean(),
                verified_boot_state=_named(VerifiedBootState, state.enumerated()),
                verified_boot_hash=boot_hash[0].octets() if boot_hash else None,
            )
        case _:
            raise WrongShapeError


def _attestation_application_id(element: Element) -> ApplicationId:
    # A DER value inside an OCTET STRING: the system, not the hardware, writes it.
    match der.single(element.octets()).sequence():
        case (packages, signatures):
            return ApplicationId(
                packages=tuple(_package(package) for package in packages.set_of()),
                signatures=tuple(signature.octets() for signature in signatures.set_of()),
            )
        case _:
            raise WrongShapeError


def _package(element: Element) -> Package:
    match element.sequence():
        case (name, version):
            return Package(name=_text(name), version=version.integer())
        case _:
            raise WrongShapeError


def _named(kind: type[_Named], number: int) -> _Named:
    try:
        return kind(number)
    except ValueError:
        raise WrongShapeError from None


_TAGS: Final[Mapping[int, tuple[str, Callable[[Element], object]]]] = {
    1: ("purposes", _integers),
    2: ("algorithm", Element.integer),
    3: ("key_size", Element.integer),
    4: ("block_modes", _integers),
    5: ("digests", _integers),
    6: ("paddings", _integers),
    7: ("caller_nonce", Element.null),
    8: ("min_mac_length", Element.integer),
    10: ("ec_curve", Element.integer),
    200: ("rsa_public_exponent", Element.integer),
    203: ("rsa_oaep_mgf_digests", _integers),
    303: ("rollback_resistance", Element.null),
    305: ("early_boot_only", Element.null),
    400: ("active_date_time", Element.integer),
    401: ("origination_expire_date_time", Element.integer),
    402: ("usage_expire_date_time", Element.integer),
    405: ("usage_count_limit", Element.integer),
    503: ("no_auth_required", Element.null),
    504: ("user_auth_type", Element.integer),
    505: ("auth_timeout", Element.integer),
    506: ("allow_while_on_body", Element.null),
    507: ("trusted_user_presence_required", Element.null),
    508: ("trusted_confirmation_required", Element.null),
    509: ("unlocked_device_required", Element.null),
    600: ("all_applications", Element.null),
    601: ("application_id", Element.octets),
    701: ("creation_date_time", Element.integer),
    702: ("origin", _origin),
    703: ("rollback_resistant", Element.null),
    704: ("root_of_trust", _root_of_trust),
    705: ("os_version", Element.integer),
    706: ("os_patch_level", Element.integer),
    709: ("attestation_application_id", _attestation_application_id),
    710: ("attestation_id_brand", _text),
    711: ("attestation_id_device", _text),
    712: ("attestation_id_product", _text),
    713: ("attestation_id_serial", _text),
    714: ("attestation_id_imei", _text),
    715: ("attestation_id_meid", _text),
    716: ("attestation_id_manufacturer", _text),
    717: ("attestation_id_model", _text),
    718: ("vendor_patch_level", Element.integer),
    719: ("boot_patch_level", Element.integer),
    720: ("device_unique_attestation", Element.null),
    723: ("attestation_id_second_imei", _text),
    724: ("module_hash", Element.octets),
}
