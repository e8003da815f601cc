"""An import in a wrong direction fails `make check`: each contract, in a copy with one planted."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

PACKAGES: Final = ("backend", "geofence", "notifications")
CONFIGURATION: Final = Path("pyproject.toml")
LAYERS: Final = "Application above, libraries below and apart"
TIERS: Final = "Backend tiers"
HTTP: Final = "Services, rules and models never see HTTP"
PLANTED: Final = [
    (LAYERS, "geofence/zone.py", "import notifications.kind"),
    (LAYERS, "notifications/kind.py", "import backend.core.clock"),
    (TIERS, "backend/core/clock.py", "import backend.audit.acts"),
    (TIERS, "backend/alerts/kinds.py", "import backend.worker.loop"),
    (TIERS, "backend/location/gate.py", "import backend.payments.ledger"),
    (TIERS, "backend/payments/ledger.py", "from backend.location import refusals"),
    (
        "The simulator is a stranger to the server",
        "backend/simulator/wire.py",
        "import backend.proof",
    ),
    ("geofence knows no framework", "geofence/zone.py", "import sqlalchemy"),
    ("geofence knows no framework", "geofence/judgement.py", "from flask import request"),
    (
        "notifications knows no web framework and no database",
        "notifications/planning.py",
        "import sqlalchemy.orm",
    ),
    (HTTP, "backend/alerts/service.py", "import flask"),
    (HTTP, "backend/identity/models.py", "from marshmallow import fields"),
    (HTTP, "backend/location/gate.py", "import backend.core.http"),
]
"""By contract: where what is forbidden is written, and what it is."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, to be spoilt."""
    for package in PACKAGES:
        shutil.copytree(package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CONFIGURATION, tmp_path)
    return tmp_path


def checked(copy: Path) -> tuple[int, str]:
    """Return the exit status of the command that `make check` runs, and what it says."""
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [command, "--no-cache"], cwd=copy, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def broken(said: str) -> set[str]:
    return set(re.findall(r"^(.+) BROKEN\b", said, re.MULTILINE))


def plant(copy: Path, place: str, line: str) -> None:
    with (copy / place).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")


def contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    return found


def test_make_check_asks() -> None:
    recipe = Path("Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2]

    assert "\t$(BIN)/lint-imports\n" in recipe.partition("\n\n")[0]


def test_with_nothing_planted_nothing_is_broken(copy: Path) -> None:
    status, said = checked(copy)

    assert (status, broken(said)) == (0, set())


@pytest.mark.parametrize(("contract", "place", "line"), PLANTED)
def test_an_import_in_a_wrong_direction_is_named(
    copy: Path, contract: str, place: str, line: str
) -> None:
    plant(copy, place, line)

    status, said = checked(copy)

    assert status == 1
    assert contract in broken(said)


def test_an_import_of_what_is_a_slices_own_is_named(copy: Path) -> None:
    own = [(one["name"], name) for one in contracts() for name in one.get("protected_modules", ())]
    for _, module in own:
        plant(copy, "backend/app.py", f"import {module}")

    status, said = checked(copy)

    assert status == 1
    assert {contract for contract, _ in own} <= broken(said)
    for _, module in own:
        assert re.search(rf"\bbackend\.app -> {re.escape(module)}\b", said), module


def test_a_package_that_no_tier_names_is_refused(copy: Path) -> None:
    (copy / "backend" / "newcomer").mkdir()
    (copy / "backend" / "newcomer" / "__init__.py").touch()

    status, said = checked(copy)

    assert (status, broken(said)) == (1, {TIERS})


def test_every_contract_is_broken_here() -> None:
    directed = {one["name"] for one in contracts() if one["type"] != "protected"}

    assert {contract for contract, _, _ in PLANTED} == directed


def test_models_and_schemas_of_every_slice_are_its_own() -> None:
    protected = {name for one in contracts() for name in one.get("protected_modules", ())}
    own = {
        ".".join(path.with_suffix("").parts)
        for path in Path("backend").glob("*/*.py")
        if path.stem.rpartition("_")[2] in {"models", "schemas"} and path.parts[1] != "core"
    }

    assert own <= protected
