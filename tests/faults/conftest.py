"""Sites to be killed, each with a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.simulator.fcm import LocalFcm
from tests.support.processes import Zygote
from tests.support.sites import Site


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Where processes come from."""
    with Zygote() as running:
        yield running


@pytest.fixture(scope="session")
def fcm() -> Iterator[LocalFcm]:
    """A push service that outlives everybody."""
    with LocalFcm() as running:
        yield running


@pytest.fixture
def site(
    database_url: str, tmp_path: Path, server_keys: Path, fcm: LocalFcm, zygote: Zygote
) -> Iterator[Site]:
    """A site on a fresh database, once per backend; nothing of it runs yet."""
    built = Site(database_url, tmp_path, server_keys, fcm, zygote)
    yield built
    built.kill()
