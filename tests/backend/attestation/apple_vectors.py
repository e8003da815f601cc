"""Real App Attest evidence, read from the files that its collectors publish."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FOLDER: Final = Path("tests/data/attestation/appattest")


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One document of the files: its members as texts, those of `properties` among them."""

    members: dict[str, str]

    def __str__(self) -> str:
        return f"{self.members['type']} {self.members['id']}"

    def bytes(self, name: str) -> bytes:
        """The bytes of a member in base64."""
        return b64decode(self.members[name], validate=True)

    def instant(self, name: str) -> datetime | None:
        """A member that is a time, None where it is empty."""
        text = self.members[name]
        return datetime.fromisoformat(text) if text else None

    @property
    def time(self) -> datetime:
        """When the evidence was collected."""
        return datetime.fromisoformat(self.members["timestamp"])

    @property
    def app_id(self) -> str:
        """The application that made it."""
        return f"{self.members['teamIdentifier']}.{self.members['bundleIdentifier']}"

    @property
    def key(self) -> ec.EllipticCurvePublicKey:
        """The attested key."""
        key = load_pem_public_key(self.members["publicKey"].encode())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key


def vectors(kind: str) -> list[Vector]:
    """All documents of one kind: attestation, assertion or receipt."""
    found = [each for path in sorted(FOLDER.glob("*.yaml")) for each in _documents(path)]
    return [each for each in found if each.members["kind"] == kind]


def _documents(path: Path) -> Iterator[Vector]:
    """The documents of a YAML file, as far as these files use YAML."""
    for text in f"\n{path.read_text(encoding='utf-8')}".split("\n---\n")[1:]:
        yield Vector(members=_members(text))


def _members(text: str) -> dict[str, str]:
    members: dict[str, str] = {}
    block = ""
    for line in text.splitlines():
        name, colon, value = line.strip().partition(": ")
        if line.startswith("  ") and block == "publicKey":
            members[block] += line.strip() + "\n"
        elif colon or line.endswith(":"):
            # `type` stands twice in a receipt: what the document is, and what the receipt is.
            kind = "properties." if line.startswith("  ") and name == "type" else ""
            block = (kind + name).removesuffix(":")
            members[block] = "" if value == "|" else value.strip("'")
    members["kind"] = members["type"]
    return members
