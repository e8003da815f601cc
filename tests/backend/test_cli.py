"""Commands as an operator types them."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.cli import main
from backend.core.db import Database
from backend.core.settings import PREFIX


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with nothing in it, and no settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return tmp_path


def test_the_openapi_document_is_printed_without_settings_and_leaves_nothing(
    empty_folder: Path,
) -> None:
    done = CliRunner().invoke(main, ["openapi"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["info"]["title"] == "connectrex"
    assert list(empty_folder.iterdir()) == []


def test_it_is_printed_while_the_server_runs(empty_folder: Path) -> None:
    url = f"sqlite:///{empty_folder / 'connectrex.sqlite3'}"

    with closing(Database(url)):
        done = CliRunner().invoke(main, ["openapi"], env={"CONNECTREX_DATABASE_URL": url})

    assert done.exit_code == 0, done.output
