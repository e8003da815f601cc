"""docs/threats.md names what stops each threat, and what it names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path("docs/threats.md")
TEST_NAME: Final = re.compile(r"test_[a-z0-9_]+")
PACKAGES: Final = (Path(), Path("backend"))


def rows() -> dict[str, str]:
    """What stops each threat, by who makes it."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {cell[0]: cell[1] for cell in cells if cell[0] != "who and how"}


def named(text: str) -> list[str]:
    """Everything in a text that is printed as code."""
    return re.findall(r"`([^`]+)`", text)


def is_path(name: str) -> bool:
    return re.fullmatch(r"[a-z_]+(/[A-Za-z_]+)*(\.py)?", name) is not None and (
        "/" in name or name.endswith(".py")
    )


def is_there(name: str) -> bool:
    return any((folder / name).exists() for folder in PACKAGES)


def sources_in(text: str) -> Iterator[str]:
    """The sources of the tests that a text names by their paths."""
    for name in named(text):
        path = Path(name)
        if name.startswith("tests/"):
            found = [path] if path.is_file() else sorted(path.rglob("test_*.py"))
            yield from (each.read_text(encoding="utf-8") for each in found)


def test_the_page_has_its_rows() -> None:
    assert len(rows()) >= 30


@pytest.mark.parametrize("who", rows())
def test_each_row_names_a_test(who: str) -> None:
    assert any(name.startswith("tests/") for name in named(rows()[who]))


@pytest.mark.parametrize("name", sorted({n for text in rows().values() for n in named(text)}))
def test_each_path_is_there(name: str) -> None:
    assert is_there(name) or not is_path(name)


@pytest.mark.parametrize("who", rows())
def test_each_test_that_is_named_is_in_the_files_named_beside_it(who: str) -> None:
    sources = list(sources_in(rows()[who]))

    for name in named(rows()[who]):
        if TEST_NAME.fullmatch(name):
            assert any(f"def {name}(" in source for source in sources), name
