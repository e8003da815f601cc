"""What kind of data a column holds: the inventory in code that privacy reads.

Every column carries one of these in `Column.info`, except keys, which are identifiers by nature;
a contract test fails on a column that has none. POLICY lists what may be collected of a person:
nothing outside these classes is.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class DataClass(Enum):
    """The kinds of data we hold."""

    NAME = "name"
    CONTACT = "contact"
    DEMOGRAPHIC = "demographic"
    CASE = "case"
    LOCATION = "location"
    DEVICE = "device"
    MONEY = "money"
    MESSAGE = "message"
    CREDENTIAL = "credential"
    OPERATIONAL = "operational"


CLASS_KEY: Final = "data_class"


NAME: Final = {CLASS_KEY: DataClass.NAME}
CONTACT: Final = {CLASS_KEY: DataClass.CONTACT}
DEMOGRAPHIC: Final = {CLASS_KEY: DataClass.DEMOGRAPHIC}
CASE: Final = {CLASS_KEY: DataClass.CASE}
LOCATION: Final = {CLASS_KEY: DataClass.LOCATION}
DEVICE: Final = {CLASS_KEY: DataClass.DEVICE}
MONEY: Final = {CLASS_KEY: DataClass.MONEY}
MESSAGE: Final = {CLASS_KEY: DataClass.MESSAGE}
CREDENTIAL: Final = {CLASS_KEY: DataClass.CREDENTIAL}
OPERATIONAL: Final = {CLASS_KEY: DataClass.OPERATIONAL}
