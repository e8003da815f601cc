"""What is fuzzed by hand stands on its feet: each target answers good bytes and bad ones."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.__main__ import NAMES, main
from tests.fuzz.targets import SEEDS, TARGETS


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=64))
def test_any_bytes_are_answered(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_answered(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)

    assert SEEDS[name]
    assert set(TARGETS) == set(SEEDS) == set(NAMES)


@pytest.mark.parametrize("arguments", [[], ["nonsense", "folder"], ["android"]])
def test_an_unknown_parser_is_told(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"usage: .* android\|apple\|journal"):
        main(arguments)


@pytest.mark.skipif(find_spec("atheris") is not None, reason="says what is missing if it is")
def test_without_atheris_it_says_so() -> None:
    with pytest.raises(SystemExit, match="atheris is not installed"):
        main(["android", "folder"])
