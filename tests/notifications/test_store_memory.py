from __future__ import annotations

import pytest

from tests.support.notifications import MemoryStore
from tests.support.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """The fake keeps the contract, or what is tested with it proves nothing."""

    @pytest.fixture
    def harness(self) -> MemoryStore:
        return MemoryStore()
