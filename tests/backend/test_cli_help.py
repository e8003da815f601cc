"""What an operator reads who asks a command what it does, and whether the documents name it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner

from backend.cli import main

NAMED: Final = re.compile(r"(?:^|`|/)connectrex ([a-z][^`\n]+)", re.MULTILINE)
"""A command as documents and the Makefile write it: in code, at the beginning of a line or a span."""


def commands(
    command: click.Command = main, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield every command, groups too, as the words that are typed."""
    yield words
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*words, name))


def found(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that `words` begin with, and the words that are left for it."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command {words}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def typed() -> Iterator[str]:
    """Yield every command line that the documents name."""
    for path in (Path("README.md"), Path("Makefile"), *sorted(Path("docs").rglob("*.md"))):
        written = path.read_text(encoding="utf-8").replace("\\\n", " ")
        yield from (match[1] for match in NAMED.finditer(written))


def as_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_says_what_a_command_does_and_what_each_option_means(words: tuple[str, ...]) -> None:
    command, _ = found(list(words))
    options = [one for one in command.params if isinstance(one, click.Option)]

    shown = CliRunner().invoke(main, [*words, "--help"], terminal_width=200)

    assert shown.exit_code == 0
    assert command.help
    assert command.help.partition("\n")[0] in as_one_line(shown.output)
    for option in options:
        assert option.help, option.name
        assert len(option.help.split()) > 2, option.name
        assert as_one_line(option.help) in as_one_line(shown.output)


def test_help_needs_no_settings_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert CliRunner(env={"CONNECTREX_MODE": "nonsense"}).invoke(main, ["--help"]).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_the_documents_name_commands_and_options_that_exist() -> None:
    lines = list(typed())
    used = {option for line in lines for option in named_options(line)}

    assert len(lines) > 20
    assert {"--agency", "--server", "--role"} <= used


def named_options(line: str) -> set[str]:
    """Return the options on a command line; every word of it must be one that the command knows."""
    command, rest = found(shlex.split(line, comments=True))
    named = {word for word in rest if word.startswith("--")}
    known = {word for one in command.params for word in one.opts} | {"--help"}
    assert named <= known, line
    return named


@pytest.mark.parametrize("line", ["ledger audit", "serve --prot 80", "openapi-print"])
def test_a_command_that_is_not_there_is_noticed(line: str) -> None:
    with pytest.raises(AssertionError):
        named_options(line)


def test_no_command_that_operators_rely_on_is_lost() -> None:
    assert {
        ("serve",),
        ("worker",),
        ("demo",),
        ("simulate",),
        ("db", "upgrade"),
        ("agency", "create"),
        ("officer", "create"),
        ("audit", "verify"),
        ("openapi",),
    } <= set(commands())
