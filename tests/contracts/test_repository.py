"""What may never be in the repository."""

from __future__ import annotations

import re
from pathlib import Path

LOCKS = sorted(Path("requirements").glob("*.lock"))


def test_locks_name_versions_and_hashes_and_no_address() -> None:
    assert LOCKS
    for lock in LOCKS:
        text = lock.read_text(encoding="utf-8")

        assert not re.search(r"https?://|--index-url|--find-links", text)
        pinned = re.findall(r"^[a-z0-9._-]+(?:\[[a-z,]+\])?==", text, re.MULTILINE)
        assert len(pinned) <= text.count("--hash=sha256:")
