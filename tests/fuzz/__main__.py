"""Fuzz one parser by coverage: `python -m tests.fuzz PARSER FOLDER [libFuzzer's options]`.

FOLDER keeps what was found to go deeper, for the next time. atheris is no dependency of ours: install
it by hand. `make test` does without.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

NAMES: Final = ("android", "apple", "journal")


def main(arguments: Sequence[str]) -> None:
    """Fuzz until something is raised, or for as long as the options say."""
    name, folder, *options = *arguments, "", ""
    if name not in NAMES or not folder:
        raise SystemExit(f"usage: python -m tests.fuzz {'|'.join(NAMES)} FOLDER [-runs=1000 …]")
    if find_spec("atheris") is None:
        raise SystemExit("atheris is not installed: pip install atheris")
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["backend.attestation", "backend.proof"]):
        targets = import_module("tests.fuzz.targets")
    Path(folder).mkdir(exist_ok=True)
    for number, seed in enumerate(targets.SEEDS[name]):
        (Path(folder) / f"seed-{number}").write_bytes(seed)
    atheris.Setup(["tests.fuzz", folder, *filter(None, options)], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
