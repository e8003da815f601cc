"""What the demo says on the terminal: short lines, each with the story's own time."""

from __future__ import annotations

import textwrap
import time
from datetime import datetime
from typing import Final, TextIO

from backend.demo.cast import ZONE

WIDTH: Final = 96
_BAR: Final = 32
_SEEN_S: Final = 0.04
"""How long each step of progress stays on a terminal: the server is too fast to be watched."""
_SPARSE: Final = 8
"""How many lines of progress a stream gets that is no terminal."""


class Screen:
    """Writes to `stream`; lines of progress replace each other on a terminal, else are few."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    def banner(self, *lines: str) -> None:
        """Say something that nobody may overlook."""
        rule = "=" * WIDTH
        self._write("", rule, *(f"  {line}" for line in lines), rule)

    def chapter(self, title: str, at: datetime | None = None) -> None:
        """Begin a part of the story; `at` is the day on which it plays."""
        day = "" if at is None else f"{at.astimezone(ZONE):  %A %-d %B %Y}"
        self._write("", f"-- {title} --{day}")

    def say(self, text: str, at: datetime | None = None) -> None:
        """Say one thing, at a time of the story; what is long goes on below."""
        margin = 11
        when = "" if at is None else f"{at.astimezone(ZONE):%H:%M:%S}"
        self._wrapped(f"{when:>{margin - 1}} ", " " * margin, text)

    def row(self, name: str, figure: int, text: str = "") -> None:
        """Show one figure of the summary, and what it is made of."""
        margin = f"  {name:<18}{figure:>4}   "
        self._wrapped(margin, " " * len(margin), text)

    def item(self, text: str) -> None:
        """Show one thing that a figure counts."""
        self._wrapped("    - ", "      ", text)

    def verbatim(self, *lines: str) -> None:
        """Show lines as they are, to be copied."""
        self._write(*lines)

    def progress(self, done: int, of: int, text: str, at: datetime) -> None:
        """Show how far something has come."""
        filled = _BAR * done // of
        bar = f"[{'#' * filled}{'.' * (_BAR - filled)}] {done:>3} of {of}"
        line = f"  {at.astimezone(ZONE):%H:%M:%S} {bar}  {text}"[:WIDTH]
        if self._is_terminal:
            self._stream.write(f"\r{line:<{WIDTH}}" + ("\n" if done == of else ""))
            self._stream.flush()
            time.sleep(_SEEN_S)
        elif done * _SPARSE // of != (done - 1) * _SPARSE // of:
            self._write(line)

    def interrupt_progress(self) -> None:
        """Leave the line of progress as it stands, so that the next thing said has its own."""
        if self._is_terminal:
            self._write("")

    def _wrapped(self, first: str, margin: str, text: str) -> None:
        lines = textwrap.wrap(
            text,
            WIDTH,
            initial_indent=first,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        self._write(*(lines or [first.rstrip()]))

    def _write(self, *lines: str) -> None:
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()
