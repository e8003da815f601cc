"""Every column is classified: what is not in the inventory may not be collected."""

from __future__ import annotations

import pytest
from sqlalchemy import Column

from backend.core.classification import CLASS_KEY, DataClass
from backend.migrations import metadata

COLUMNS = [
    pytest.param(column, id=f"{table.name}.{column.name}")
    for table in metadata().sorted_tables
    for column in table.columns
]


def _is_key(column: Column[object]) -> bool:
    """Identifiers by nature: primary and foreign keys, and names of things elsewhere."""
    named = column.name == "id" or column.name.endswith("_id")
    return column.primary_key or bool(column.foreign_keys) or named


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_classified(column: Column[object]) -> None:
    assert _is_key(column) or isinstance(column.info.get(CLASS_KEY), DataClass)


def test_of_a_person_only_what_the_policy_names_is_kept() -> None:
    supervisees = metadata().tables["supervisees"]

    personal = {
        column.name: column.info[CLASS_KEY].value
        for column in supervisees.columns
        if column.info.get(CLASS_KEY) in {DataClass.NAME, DataClass.CONTACT, DataClass.DEMOGRAPHIC}
    }

    assert set(personal) <= {
        "given_name",
        "family_name",
        "job_title",
        "postal_address",
        "postal_code",
        "emails",
        "phones",
        "language",
        "zone",
    }
