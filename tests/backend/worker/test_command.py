"""`connectrex worker` as an operator runs it: what it logs, and where its counters are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from backend.core.logs import ALLOWED_KEYS
from backend.core.settings import Settings
from tests.support.ports import free_port
from tests.support.processes import Zygote, environment_of


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as running:
        yield running


def wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_what_fails_in_it_is_a_json_line_of_allowed_keys(
    zygote: Zygote, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    without_tables = replace(settings, database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    life = zygote.start("worker", environment=environment_of(without_tables), log=log)
    wait_until(lambda: b"\n" in log.read_bytes())
    life.stop()

    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {line["event"] for line in lines} == {"job.failed"}
    assert all(line.keys() <= ALLOWED_KEYS for line in lines)


def test_its_counters_are_shown_on_the_port_that_was_set(
    zygote: Zygote, settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    watched = replace(
        settings,
        database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}",
        worker_metrics_port=port,
    )

    def shown() -> str:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                text: str = answer.read().decode()
                return text
        except URLError:
            return ""

    life = zygote.start("worker", environment=environment_of(watched), log=tmp_path / "log")
    wait_until(lambda: 'connectrex_job_runs_total{job="sweep",outcome="failed"}' in shown())
    life.stop()
