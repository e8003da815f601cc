"""The API of banks' files: an officer sends one as it is, and it is booked whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import request

from backend.core.errors import Code, Problem
from backend.core.http import Audience, Blueprint, actor, now, transaction
from backend.payments import service
from backend.payments.import_schemas import ImportedFileSchema

_CSV: Final = "text/csv"
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "CSV in UTF-8 with the header "
    "`external_id,received_on,amount_minor,currency,method,supervisee,note` "
    "and at most 1,000 payments",
    "content": {_CSV: {"schema": {"type": "string"}}},
}

officers = Blueprint(
    "payment-files",
    __name__,
    url_prefix="/v1/payment-files",
    audience=Audience.OFFICER,
    description="Payments that a bank or a lockbox tells of",
)
BLUEPRINTS = (officers,)


@officers.route("", methods=["POST"])
@officers.response(200, ImportedFileSchema)
@officers.doc(requestBody=_BODY)
def import_file() -> Mapping[str, Sequence[int]]:
    """Book the payments of a bank's file, all of it or nothing; sent again, all are known."""
    if request.mimetype != _CSV:
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"A payment file is {_CSV}.")
    content = request.get_data()
    with transaction() as session:
        found = service.import_file(session, actor(), content, now=now())
    return {outcome.value: lines for outcome, lines in found.items()}
