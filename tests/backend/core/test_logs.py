"""What is logged: JSON lines of allowed keys, whoever speaks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from backend.core import logs
from backend.core.settings import Settings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, logs.LibraryLog)]


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_library_is_heard_without_its_words(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings)

    logging.getLogger("a.library").warning("sent to %s", "testa@person.example")

    (line,) = lines(capsys.readouterr().out)
    place = str(line.pop("location"))
    del line["timestamp"]
    assert line == {"event": "library", "level": "warning", "logger": "a.library"}
    assert "test_logs.py:" in place


def test_a_librarys_exception_is_told_by_type_and_place(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings)
    try:
        raise KeyError("Testa Example")
    except KeyError:
        logging.getLogger("a.library").exception("Testa Example failed")

    out = capsys.readouterr().out
    (line,) = lines(out)
    assert (line["error_type"], line["level"]) == ("KeyError", "error")
    assert "Testa" not in out


def test_what_a_library_says_below_a_warning_is_not_heard(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings)

    logging.getLogger("a.library").info("hello")

    assert capsys.readouterr().out == ""


def test_configured_twice_each_line_is_written_once(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings)
    logs.configure(settings)

    logging.getLogger("a.library").error("twice")

    assert len(lines(capsys.readouterr().out)) == 1


def test_a_commands_log_is_kept_apart_from_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_command()

    logging.getLogger("a.library").warning("beside")

    said = capsys.readouterr()
    assert said.out == ""
    assert len(lines(said.err)) == 1
