"""The schema's history (Alembic): how a database gets from empty to now, and back."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData

import backend
from backend.core.db import Base, Database

_FOLDER: Final = Path(__file__).parent


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database's schema to `revision`; nothing happens when it is there already."""
    with database.engine.begin() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the database's schema back to `revision` (`base` is empty)."""
    with database.engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def metadata() -> MetaData:
    """Return the metadata of every model of every slice."""
    for package in pkgutil.iter_modules(backend.__path__):
        if package.ispkg:
            for path in sorted(Path(_FOLDER.parent / package.name).glob("*models.py")):
                importlib.import_module(f"backend.{package.name}.{path.stem}")
    importlib.import_module("backend.core.jobs")
    importlib.import_module("backend.core.idempotency")
    importlib.import_module("backend.core.outages")
    return Base.metadata
