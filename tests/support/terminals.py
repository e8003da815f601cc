"""A terminal in front of `connectrex …`: some things are shown to people only."""

from __future__ import annotations

import os
import pty
import threading
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Final

from backend.cli import main

_MOST_BYTES: Final = 1 << 16


def typed(*words: str) -> tuple[int, str]:
    """Run `connectrex …` to its end; return its exit status and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with suppress(OSError):  # so the end of a terminal is told
            while chunk := os.read(ours, _MOST_BYTES):
                shown.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    with (
        os.fdopen(theirs, "w", encoding="utf-8") as screen,
        redirect_stdout(screen),
        redirect_stderr(screen),
    ):
        status = _status_of(words)
    reader.join()
    os.close(ours)
    return status, shown.decode()


def _status_of(words: Sequence[str]) -> int:
    try:
        main(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
