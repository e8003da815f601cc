"""What other slices, views and the worker use of payments: its one door.

The work is done in modules named after what they are about; here is the list of them.
"""

from __future__ import annotations

from backend.payments.allocation_order import (
    allocation_order,
    allocation_order_to_change,
    change_allocation_order,
)
from backend.payments.autopay import (
    CHARGE_BATCH,
    AskedAutopay,
    Autopay,
    announce,
    ask_for_autopay,
    charge_refused,
    charges_due,
    end_autopay,
    keep_setup,
    mandate_let_go,
    mandates_to_end,
    open_setup,
    own_autopay,
    settle_mandate,
)
from backend.payments.bookings import (
    Incoming,
    Outgoing,
    book_chargeback,
    book_payment,
    book_pending,
    book_refund,
    release_pending,
    reverse_repayment,
)
from backend.payments.counter import Receipt, record_payment, reverse_payment
from backend.payments.differences import Difference, differences, explain_difference
from backend.payments.fees import (
    FEE_BATCH,
    end_recurring_fee,
    raise_recurring,
    recurring_fees,
    set_recurring_fee,
)
from backend.payments.hosted import (
    Asked,
    HostedPayment,
    Wish,
    ask_to_pay,
    hosted_payments,
    keep_page,
    open_page,
    own_id,
)
from backend.payments.hosted_models import NoticeOutcome
from backend.payments.imports import (
    LineOutcome,
    UnreadableFileError,
    import_payments,
    read_lines,
)
from backend.payments.notices import NOTICE_BATCH, claim_notices, finish_notice, keep_notice
from backend.payments.obligations import cancel_obligation, raise_obligation
from backend.payments.owed import due_items, is_still_owed, obligations
from backend.payments.paid import payments, read_payment
from backend.payments.reconciliation import IN_FLIGHT, WINDOW, note_if_not_booked, note_missing
from backend.payments.recurrence import Recurrence
from backend.payments.refunds import RefundOrder, ask_refund, give_back, keep_refund
from backend.payments.settling import (
    Facts,
    Look,
    look_for,
    looks_due,
    note_contradiction,
    settle,
    take_stray,
)
from backend.payments.statement import balance, own_balance, statement
from backend.payments.suspense import (
    SuspenseItem,
    Unidentified,
    book_suspense,
    clear_suspense,
    return_suspense,
    suspense_items,
)
from backend.payments.values import (
    Balance,
    DueObligation,
    Obligation,
    Payment,
    RecurringFee,
    Reversal,
    Source,
    Statement,
    Terms,
)

__all__ = [
    "CHARGE_BATCH",
    "FEE_BATCH",
    "IN_FLIGHT",
    "NOTICE_BATCH",
    "WINDOW",
    "Asked",
    "AskedAutopay",
    "Autopay",
    "Balance",
    "Difference",
    "DueObligation",
    "Facts",
    "HostedPayment",
    "Incoming",
    "LineOutcome",
    "Look",
    "NoticeOutcome",
    "Obligation",
    "Outgoing",
    "Payment",
    "Receipt",
    "Recurrence",
    "RecurringFee",
    "RefundOrder",
    "Reversal",
    "Source",
    "Statement",
    "SuspenseItem",
    "Terms",
    "Unidentified",
    "UnreadableFileError",
    "Wish",
    "allocation_order",
    "allocation_order_to_change",
    "announce",
    "ask_for_autopay",
    "ask_refund",
    "ask_to_pay",
    "balance",
    "book_chargeback",
    "book_payment",
    "book_pending",
    "book_refund",
    "book_suspense",
    "cancel_obligation",
    "change_allocation_order",
    "charge_refused",
    "charges_due",
    "claim_notices",
    "clear_suspense",
    "differences",
    "due_items",
    "end_autopay",
    "end_recurring_fee",
    "explain_difference",
    "finish_notice",
    "give_back",
    "hosted_payments",
    "import_payments",
    "is_still_owed",
    "keep_notice",
    "keep_page",
    "keep_refund",
    "keep_setup",
    "look_for",
    "looks_due",
    "mandate_let_go",
    "mandates_to_end",
    "note_contradiction",
    "note_if_not_booked",
    "note_missing",
    "obligations",
    "open_page",
    "open_setup",
    "own_autopay",
    "own_balance",
    "own_id",
    "payments",
    "raise_obligation",
    "raise_recurring",
    "read_lines",
    "read_payment",
    "record_payment",
    "recurring_fees",
    "release_pending",
    "return_suspense",
    "reverse_payment",
    "reverse_repayment",
    "set_recurring_fee",
    "settle",
    "settle_mandate",
    "statement",
    "suspense_items",
    "take_stray",
]
