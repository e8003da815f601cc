"""What an agency asks of App Attest, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Environment(Enum):
    """Where a key was attested; the value is the aaguid that says so."""

    PRODUCTION = b"appattest".ljust(16, b"\x00")
    DEVELOPMENT = b"appattestdevelop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplePolicy:
    """Our applications by their identifier, team and bundle as in `ABCDE12345.com.example.app`.

    Empty sets accept nothing.
    """

    app_ids: frozenset[str]
    environments: frozenset[Environment]
