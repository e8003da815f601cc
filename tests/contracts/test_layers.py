"""Only views, schemas and guards know HTTP; rules and services could serve a command line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SLICES = [
    "alerts",
    "attestation",
    "audit",
    "conditions",
    "devices",
    "identity",
    "location",
    "outbox",
    "payments",
    "proof",
    "reminders",
    "worker",
]
AT_THE_EDGE = {"views", "schemas", "guard", "authentication"}
WEB = {"flask", "flask_smorest", "marshmallow", "werkzeug"}
INNER = [
    path
    for name in SLICES
    for path in sorted(Path("backend", name).rglob("*.py"))
    if path.stem.rpartition("_")[2] not in AT_THE_EDGE
]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", INNER, ids=str)
def test_rules_and_services_do_not_know_http(path: Path) -> None:
    imported = _imports(path)

    assert not {name.split(".")[0] for name in imported} & WEB
    assert not {"backend.core.http", "backend.core.schemas"} & imported


def test_transactions_are_opened_in_views_guards_commands_and_the_worker_alone() -> None:
    openers = {
        str(path)
        for path in Path("backend").rglob("*.py")
        if ".transaction()" in path.read_text(encoding="utf-8")
    }

    assert openers <= {
        "backend/cli.py",
        "backend/core/http.py",
        "backend/worker/watch.py",
        "backend/devices/guard.py",
        "backend/identity/guard.py",
        "backend/location/intake.py",
        "backend/location/journal.py",
        "backend/outbox/inbox.py",
        "backend/outbox/store.py",
        "backend/worker/jobs.py",
        "backend/worker/loop.py",
        "backend/worker/settling.py",
    }
