"""Error codes are registered once and documented."""

from __future__ import annotations

import re
from pathlib import Path

from backend.core.errors import Code

DOCUMENTED = re.compile(r"^\| `([a-z_-]+)` \| (\d{3}) \| (.+?) \|", re.MULTILINE)


def test_codes_are_unique() -> None:
    slugs = [code.slug for code in Code]

    assert len(slugs) == len(set(slugs))


def test_every_code_is_documented_as_it_is() -> None:
    text = Path("docs/errors.md").read_text(encoding="utf-8")

    documented = {(slug, int(status), title) for slug, status, title in DOCUMENTED.findall(text)}

    assert documented == {(code.slug, code.status, code.title) for code in Code}
