"""`connectrex simulate` as it is typed: what it refuses before anything is sent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backend.cli import main
from backend.simulate import SHARE, SPAN

EMPTY_TRACK = '<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"/>'
NOBODY = "http://127.0.0.1:9"


def simulate(*words: str, mode: str | None = "test", codes: str = "AAAAA-AAAAA\n") -> Result:
    environment = {"CONNECTREX_MODE": mode}
    return CliRunner().invoke(
        main, ["simulate", "--codes", "-", *words], env=environment, input=codes
    )


@pytest.mark.parametrize("mode", [None, "production", "", "else"])
def test_it_is_refused_in_production_and_where_nothing_is_said(mode: str | None) -> None:
    done = simulate(mode=mode)

    assert done.exit_code == 2
    assert "simulated phones are refused" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--offline", "100%"], "below 100"),
        (["--offline", "0.2"], "below 100"),
        (["--journal-every", "15"], "such as 15m"),
        (["--late", "-1m"], "such as 15m"),
        (["--phones", "2"], "2 phones need as many codes; the file has 1"),
    ],
)
def test_what_cannot_be_is_refused_in_words(words: list[str], said: str) -> None:
    done = simulate(*words)

    assert done.exit_code == 2
    assert said in done.stderr


def test_no_codes_are_no_phones() -> None:
    done = simulate(codes="\n")

    assert done.exit_code == 2
    assert "0 phones" in done.stderr


def test_a_track_without_times_is_refused(tmp_path: Path) -> None:
    track = tmp_path / "empty.gpx"
    track.write_text(EMPTY_TRACK, encoding="utf-8")

    done = simulate("--track", str(track))

    assert done.exit_code == 2
    assert "no point with a time" in done.stderr


def test_where_no_server_answers_it_says_so() -> None:
    done = simulate("--server", NOBODY)

    assert done.exit_code == 2
    assert f"no server answers at {NOBODY}" in done.stderr
    assert "SIMULATED PHONES" in done.stderr


def test_its_help_tells_a_stranger_what_it_needs() -> None:
    done = CliRunner().invoke(main, ["simulate", "--help"])

    assert done.exit_code == 0
    for word in ("--codes", "--offline", "Exit status 0", "enrolment-codes", "Example"):
        assert word in done.stdout


def test_spans_and_shares_are_read_once() -> None:
    assert SPAN.convert(SPAN.convert("15m", None, None), None, None) == 900
    assert SHARE.convert(SHARE.convert("2.5%", None, None), None, None) == 0.025


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "backend.simulator.tally", None)

    done = simulate()

    assert done.exit_code == 1
    assert "install connectrex[demo]" in done.stderr
