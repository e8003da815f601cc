"""What the demo looks like on a terminal and in a file."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Final

from backend.demo.screen import WIDTH, Screen

NOON: Final = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_file_progress_is_a_few_whole_lines() -> None:
    file = io.StringIO()
    screen = Screen(file)

    for done in range(1, 105):
        screen.progress(done, 104, "on the way", NOON)

    lines = file.getvalue().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("  12:00:00 [################################] 104 of 104")


def test_on_a_terminal_progress_is_one_line_that_changes() -> None:
    terminal = Terminal()
    screen = Screen(terminal)

    screen.progress(1, 2, "a long way to go", NOON)
    screen.progress(2, 2, "there", NOON)

    first, last = terminal.getvalue().split("\r")[1:]
    assert "a long way" in first
    assert len(first) == WIDTH
    assert last.rstrip(" \n").endswith("there")
    assert last.endswith("\n")


def test_no_line_is_longer_than_the_screen() -> None:
    file = io.StringIO()
    screen = Screen(file)

    screen.say("word " * 100, NOON)
    screen.item("word " * 100)
    screen.row("Figure", 3, "word " * 100)

    assert max(len(line) for line in file.getvalue().splitlines()) <= WIDTH


def test_an_empty_text_is_an_empty_line() -> None:
    file = io.StringIO()

    Screen(file).say("")

    assert file.getvalue() == "\n"
