"""What a person is to do when their phone's evidence is refused, in their language."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from backend.attestation.android.refusal import AndroidRefusal as Android
from backend.attestation.apple.refusal import AppleRefusal as Apple
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal as Play
from backend.attestation.web.refusal import WebRefusal as Web
from backend.core.errors import Code
from backend.devices.presence_fault import PresenceFault
from backend.devices.verification import EvidenceFault, Reason
from notifications.formats import Language

AnyReason = Reason | Web | PresenceFault


class Remedy(Enum):
    """What can be done about a refusal; a few remedies for many reasons."""

    TRY_AGAIN = "try-again"
    TRY_LATER = "try-later"
    UPDATE_APP = "update-app"
    GENUINE_APP = "genuine-app"
    UPDATE_PHONE = "update-phone"
    RESTORE_PHONE = "restore-phone"
    SET_CLOCK = "set-clock"
    ANOTHER_PHONE = "another-phone"
    CONFIRM = "confirm"
    SET_UP_PRESENCE = "set-up-presence"


WORDS: Final[Mapping[Language, Mapping[Remedy, str]]] = {
    Language.ENGLISH: {
        Remedy.TRY_AGAIN: "Try again from the start. If it fails again, call your officer.",
        Remedy.TRY_LATER: "This is not your phone's fault. Try again in some hours. If it fails "
        "again, call your officer.",
        Remedy.UPDATE_APP: "Update the app from the app store and try again. If it fails again, "
        "call your officer.",
        Remedy.GENUINE_APP: "Remove the app, install it from the official app store, and try "
        "again.",
        Remedy.UPDATE_PHONE: "Install the phone's system updates in its settings, then try again. "
        "If there are none, ask your officer which phone to use.",
        Remedy.RESTORE_PHONE: "The phone's system was changed or unlocked. Have the maker's "
        "system restored and locked, or ask your officer which phone to use.",
        Remedy.SET_CLOCK: "Connect the phone to the internet, set its clock to automatic, restart "
        "it, and try again. If it fails again, call your officer.",
        Remedy.ANOTHER_PHONE: "This phone cannot show that it keeps its key safe. Ask your officer "
        "which phone to use.",
        Remedy.CONFIRM: "Confirm with your finger, your face or your screen lock that it is you, "
        "and send it again.",
        Remedy.SET_UP_PRESENCE: "Set up in the app that you confirm check-ins with your finger, "
        "your face or your screen lock. Then check in again. If that fails, call your officer.",
    },
    Language.SPANISH: {
        Remedy.TRY_AGAIN: "Inténtelo de nuevo desde el principio. Si vuelve a fallar, llame a su "
        "oficial.",
        Remedy.TRY_LATER: "No es culpa de su teléfono. Inténtelo de nuevo dentro de unas horas. Si "
        "vuelve a fallar, llame a su oficial.",
        Remedy.UPDATE_APP: "Actualice la aplicación desde la tienda de aplicaciones e inténtelo de "
        "nuevo. Si vuelve a fallar, llame a su oficial.",
        Remedy.GENUINE_APP: "Elimine la aplicación, instálela desde la tienda oficial de "
        "aplicaciones e inténtelo de nuevo.",
        Remedy.UPDATE_PHONE: "Instale las actualizaciones del sistema en los ajustes del teléfono "
        "e inténtelo de nuevo. Si no hay ninguna, pregunte a su oficial qué teléfono usar.",
        Remedy.RESTORE_PHONE: "El sistema del teléfono fue modificado o desbloqueado. Haga que "
        "restauren y bloqueen el sistema del fabricante, o pregunte a su oficial qué teléfono usar.",
        Remedy.SET_CLOCK: "Conecte el teléfono a internet, ponga su reloj en automático, "
        "reinícielo e inténtelo de nuevo. Si vuelve a fallar, llame a su oficial.",
        Remedy.ANOTHER_PHONE: "Este teléfono no puede demostrar que guarda su clave de forma "
        "segura. Pregunte a su oficial qué teléfono usar.",
        Remedy.CONFIRM: "Confirme con su dedo, su rostro o el bloqueo de pantalla que es usted, y "
        "envíelo de nuevo.",
        Remedy.SET_UP_PRESENCE: "Configure en la aplicación que confirma sus presentaciones con su "
        "dedo, su rostro o el bloqueo de pantalla. Después preséntese de nuevo. Si no funciona, "
        "llame a su oficial.",
    },
}

_BY_REASON: Final[Mapping[Remedy, frozenset[AnyReason]]] = {
    Remedy.CONFIRM: frozenset({Web.USER_NOT_PRESENT, Web.USER_NOT_VERIFIED}),
    Remedy.SET_UP_PRESENCE: frozenset(
        {PresenceFault.NO_PRESENCE_KEY, Web.WRONG_CREDENTIAL, PresenceFault.SIGNED_BY_ANOTHER_KEY}
    ),
    Remedy.TRY_AGAIN: frozenset(
        {
            PresenceFault.CHALLENGE_NOT_OPEN,
            PresenceFault.KEY_ENROLLED_BEFORE,
            PresenceFault.WRONG_KEY_CHANGE,
            Web.WRONG_CHALLENGE,
            Web.COUNTER_NOT_RISING,
            Apple.WRONG_PRESENCE_KEY,
            Android.WRONG_CHALLENGE,
            Android.WRONG_KEY,
            Apple.WRONG_CHALLENGE,
            Apple.WRONG_ENROLLED_KEY,
            Apple.RECEIPT_TOO_OLD,
            Apple.COUNTER_NOT_ZERO,
            Apple.COUNTER_NOT_RISING,
            EvidenceFault.APP_KEY_ENROLLED_BEFORE,
            Play.WRONG_NONCE,
            Play.WRONG_REQUEST_HASH,
            Play.TOO_OLD,
        }
    ),
    Remedy.TRY_LATER: frozenset(
        {
            Android.STATUS_LIST_MISSING,
            Android.STATUS_LIST_STALE,
            EvidenceFault.NOT_CONFIGURED,
        }
    ),
    Remedy.SET_CLOCK: frozenset(
        {
            Android.NOT_YET_VALID,
            Android.EXPIRED,
            Apple.NOT_YET_VALID,
            Apple.EXPIRED,
            Apple.RECEIPT_EXPIRED,
            Apple.RECEIPT_FROM_FUTURE,
            Play.FROM_FUTURE,
        }
    ),
    Remedy.GENUINE_APP: frozenset(
        {
            Android.APPLICATION_MISSING,
            Android.WRONG_PACKAGE,
            Android.WRONG_SIGNER,
            Apple.WRONG_APP,
            Apple.UNKNOWN_ENVIRONMENT,
            Apple.WRONG_ENVIRONMENT,
            Play.NOT_FOR_US,
            Play.WRONG_PACKAGE,
            Play.WRONG_APP,
            Play.WRONG_SIGNER,
        }
    ),
    Remedy.UPDATE_PHONE: frozenset(
        {
            Android.OS_PATCH_TOO_OLD,
            Android.VENDOR_PATCH_TOO_OLD,
            Android.BOOT_PATCH_TOO_OLD,
        }
    ),
    Remedy.RESTORE_PHONE: frozenset(
        {
            Android.ROOT_OF_TRUST_MISSING,
            Android.BOOTLOADER_UNLOCKED,
            Android.BOOT_NOT_VERIFIED,
            Android.BOOT_KEY_NOT_ALLOWED,
        }
    ),
    Remedy.ANOTHER_PHONE: frozenset(
        {
            Android.UNSUPPORTED_CERTIFICATE,
            Android.UNTRUSTED_ROOT,
            Android.WRONG_SIGNATURE,
            Android.EXTENSION_MISSING,
            Android.CERTIFICATE_AFTER_TARGET,
            Android.EXTENSION_NOT_ONLY_ON_TARGET,
            Android.NOT_A_CA,
            Android.UNKNOWN_PROVISIONING,
            Android.REVOKED,
            Android.SUSPENDED,
            Android.ATTESTED_BY_SOFTWARE,
            Android.KEY_IN_SOFTWARE,
            Android.LEVELS_DIFFER,
            Android.LEVEL_NOT_ALLOWED,
            Android.NOT_GENERATED_IN_HARDWARE,
            Apple.UNTRUSTED_CHAIN,
            PresenceFault.ATTESTATION_REVOKED,
        }
    ),
}
_REMEDIES: Final = {reason: remedy for remedy, some in _BY_REASON.items() for reason in some}

_UNCHECKABLE: Final = frozenset({Android.STATUS_LIST_MISSING, Android.STATUS_LIST_STALE})


def code_for(reason: AnyReason) -> Code:
    """Return what the app is told: whether the evidence does not hold, or nobody can tell now."""
    return Code.EVIDENCE_UNCHECKABLE if reason in _UNCHECKABLE else Code.EVIDENCE_REFUSED


def remedy_for(reason: AnyReason) -> Remedy:
    """Return what can be done: what nothing else explains is the app's fault."""
    return _REMEDIES.get(reason, Remedy.UPDATE_APP)


def what_to_do(remedy: Remedy, language: Language) -> str:
    """Return what a person reads."""
    return WORDS[language][remedy]
