"""Whose counters are shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client import REGISTRY

from backend.core import metrics
from tests.support.ports import free_port

_COUNTS = "from prometheus_client import Counter; Counter('seen', 'x').inc()"


def test_by_itself_a_process_shows_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    assert metrics.registry() is REGISTRY


def test_processes_with_a_shared_directory_are_shown_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", _COUNTS], env=dict(os.environ), check=True)

    assert metrics.registry().get_sample_value("seen_total") == 2


def test_they_are_served_on_this_machine_until_the_end() -> None:
    url = f"http://127.0.0.1:{(port := free_port())}/metrics"

    with metrics.served(port), urlopen(url) as answer:
        shown = answer.read().decode()

    assert "python_info" in shown
    with pytest.raises(URLError):
        urlopen(url)
