"""The words of a printed statement, in English and Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backend.payments.kinds import Authority
from backend.payments.ledger import TransactionKind
from notifications.formats import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a statement says in one language; `{}` is filled in."""

    title: str
    name: str
    period: str
    span: str
    issued: str
    questions: str
    opening: str
    closing: str
    nothing: str
    columns: tuple[str, str, str, str]
    about: str
    receipt: str
    page: str
    sign: str
    cannot_pay: str
    unprintable: str
    transactions: Mapping[TransactionKind, str]
    authorities: Mapping[Authority, str]


WORDS: Final[Mapping[Language, Words]] = {
    Language.ENGLISH: Words(
        title="Statement of account",
        name="Name",
        period="Period",
        span="{} to {}",
        issued="Issued",
        questions="Questions",
        opening="Balance before",
        closing="Balance after",
        nothing="Nothing was owed, and nothing was booked.",
        columns=("Day", "What", "Amount", "Balance"),
        about="concerns no. {}",
        receipt="receipt {}",
        page="Page {} of {}",
        sign="A balance is what is owed; with a minus sign it is credit.",
        cannot_pay="If you cannot pay, say so: you can claim hardship or ask for a plan in the app.",
        unprintable="[U+...] stands for a character that cannot be printed here.",
        transactions={
            TransactionKind.CHARGE: "Charge",
            TransactionKind.WAIVER: "Waiver",
            TransactionKind.REDUCTION: "Reduction",
            TransactionKind.CONVERSION: "Conversion to service",
            TransactionKind.PENDING: "Payment on its way",
            TransactionKind.PAYMENT: "Payment",
            TransactionKind.REFUND: "Refund",
            TransactionKind.CHARGEBACK: "Chargeback",
            TransactionKind.ALLOCATION: "Allocation",
            TransactionKind.REVERSAL: "Reversal",
            TransactionKind.SUSPENSE: "Money in suspense",
            TransactionKind.CLEARANCE: "Clearance",
            TransactionKind.RETURN: "Return",
            TransactionKind.OVERAGE: "Cash over",
            TransactionKind.SHORTAGE: "Cash short",
        },
        authorities={
            Authority.ORDER: "by court order",
            Authority.POLICY: "by agency policy",
            Authority.BANK: "by the bank",
            Authority.PROVIDER: "by the payment provider",
        },
    ),
    Language.SPANISH: Words(
        title="Estado de cuenta",
        name="Nombre",
        period="Período",
        span="{} a {}",
        issued="Emitido",
        questions="Preguntas",
        opening="Saldo anterior",
        closing="Saldo final",
        nothing="No se debía nada y no se registró nada.",
        columns=("Día", "Concepto", "Importe", "Saldo"),
        about="se refiere al n.º {}",
        receipt="recibo {}",
        page="Página {} de {}",
        sign="El saldo es lo que se debe; con signo menos es saldo a favor.",
        cannot_pay="Si no puede pagar, dígalo: en la aplicación puede declarar que no puede pagar "
        "o pedir un plan de pagos.",
        unprintable="[U+...] representa un carácter que no se puede imprimir aquí.",
        transactions={
            TransactionKind.CHARGE: "Cargo",
            TransactionKind.WAIVER: "Condonación",
            TransactionKind.REDUCTION: "Reducción",
            TransactionKind.CONVERSION: "Conversión en servicio",
            TransactionKind.PENDING: "Pago en camino",
            TransactionKind.PAYMENT: "Pago",
            TransactionKind.REFUND: "Reembolso",
            TransactionKind.CHARGEBACK: "Contracargo",
            TransactionKind.ALLOCATION: "Asignación",
            TransactionKind.REVERSAL: "Anulación",
            TransactionKind.SUSPENSE: "Dinero en espera",
            TransactionKind.CLEARANCE: "Aclaración",
            TransactionKind.RETURN: "Devolución",
            TransactionKind.OVERAGE: "Sobrante de caja",
            TransactionKind.SHORTAGE: "Faltante de caja",
        },
        authorities={
            Authority.ORDER: "por orden judicial",
            Authority.POLICY: "por norma de la agencia",
            Authority.BANK: "por el banco",
            Authority.PROVIDER: "por el proveedor de pagos",
        },
    ),
}
