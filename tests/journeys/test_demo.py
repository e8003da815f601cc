"""`make demo` from outside: what it says, held against a count of the recording by hand."""

from __future__ import annotations

import fcntl
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest

ROOT: Final = Path(__file__).parents[2]
RECORDING: Final = ROOT / "backend/simulator/tracks/around-visnjan-with-car.gpx"
ZONE: Final = ZoneInfo("Europe/Zagreb")
BEGINS: Final = datetime(2026, 3, 2, 20, 30, tzinfo=ZONE)
ACCURACY_M: Final = 8.0
# As the officer draws them: latitude, longitude, radius in metres.
STORE: Final = (45.2764, 13.7200, 110.0)
NEIGHBOURHOOD: Final = (45.27340, 13.71410, 350.0)
BOUND_S: Final = 120


@pytest.fixture(autouse=True)
def _one_demo_at_a_time() -> Iterator[None]:
    """Demos use one port between them; this suite may run in several processes."""
    with (Path(tempfile.gettempdir()) / "connectrex-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the demo in an empty folder, without settings from outside; end it in any case.

    What a shell starts in the background ignores SIGINT, and so would what these tests start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CONNECTREX_", "DEMO_"))}
    started = []

    def demo(**more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "demo"],
            cwd=tmp_path,
            env=inherited | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield demo
    for process in started:
        with process:
            process.terminate()


def haversine_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    half_lat, half_lon = (math.radians(y - x) / 2 for x, y in zip(a, b, strict=True))
    h = math.sin(half_lat) ** 2 + math.sin(half_lon) ** 2 * math.prod(
        math.cos(math.radians(latitude)) for latitude, _ in (a, b)
    )
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


def recorded() -> list[tuple[datetime, tuple[float, float]]]:
    """Return the points of the recording, moved to the evening on which the story plays."""
    found = re.findall(
        r'<trkpt lat="([^"]+)" lon="([^"]+)">.*?<time>([^<]+)</time>',
        RECORDING.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    points = [(datetime.fromisoformat(at), (float(lat), float(lon))) for lat, lon, at in found]
    return [(at - points[0][0] + BEGINS, place) for at, place in points]


def breach(zone: tuple[float, float, float], *, inside: bool) -> tuple[datetime, datetime]:
    """Return when points first show the breach beyond doubt, and when first the return.

    Beyond doubt is one and a quarter of the accuracy past the edge; the return, once the accuracy.
    """
    *centre, radius_m = zone
    past_edge = [
        (at, (1 if inside else -1) * (radius_m - haversine_m((centre[0], centre[1]), place)))
        for at, place in recorded()
    ]
    began = next(at for at, past_m in past_edge if past_m > 1.25 * ACCURACY_M)
    ended = next(at for at, past_m in past_edge if at > began and past_m < -ACCURACY_M)
    return began, ended


def episode(said: str, title: str) -> tuple[datetime, datetime]:
    """Return when the summary says that the one episode of a condition began and ended."""
    ((began, ended),) = re.findall(rf"- “{title}”: confirmed, (.+?) to (.+)", said)
    return moment(began), moment(ended)


def moment(text: str) -> datetime:
    return datetime.strptime(f"2026 {text}", "%Y %a %d %b %H:%M:%S").replace(tzinfo=ZONE)


def figure(said: str, name: str) -> int:
    (number,) = re.findall(rf"^  {name} +(\d+)", said, re.MULTILINE)
    return int(number)


def is_near(found: tuple[datetime, datetime], counted: tuple[datetime, datetime]) -> bool:
    """Whether both agree, but for the second by which a busy machine may be late."""
    return all(abs(a - b) <= timedelta(seconds=2) for a, b in zip(found, counted, strict=True))


def nothing_runs(said: str) -> bool:
    """Whether no process serves on the port of this demo, not even one that has yet to listen."""
    (port,) = set(re.findall(r"connectrex serve, on http://127\.0\.0\.1:(\d+)", said))
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return f"--port {port}" not in listed.stdout


def test_the_demo_is_right_by_a_count_of_the_track_by_hand(start: Start, tmp_path: Path) -> None:
    demo = start(DEMO_EXIT="1")

    said, _ = demo.communicate(timeout=BOUND_S)

    assert demo.returncode == 0, said
    assert figure(said, "Fixes taken") == len(recorded()) + 3
    assert figure(said, "Episodes") == 2
    assert is_near(episode(said, "Example Store"), breach(STORE, inside=True))
    assert is_near(episode(said, "Neighbourhood"), breach(NEIGHBOURHOOD, inside=False))
    assert figure(said, "Requests refused") == 2
    assert "PERMISSION_DENIED 1, MOCK 1" in said
    assert (figure(said, "E-mails sent"), figure(said, "Reminders sent")) == (1, 1)
    assert figure(said, "Payments") == 1
    assert "NO REAL MONEY" in said
    assert "FAILED" not in said
    assert nothing_runs(said)
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["demo"]


def test_it_goes_on_serving_and_what_it_tells_to_type_works(start: Start) -> None:
    demo = start()
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if "v1/alerts" in line:
            break
    first = next(number for number, line in enumerate(lines) if line.startswith("    URL="))

    typed = subprocess.run(
        ["bash", "-c", "".join(lines[first:])], capture_output=True, text=True, check=True
    )
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=BOUND_S)

    assert '"Testa"' in typed.stdout
    assert '"exclusion-entered"' in typed.stdout
    assert demo.returncode == 0, rest
    assert nothing_runs("".join(lines))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_running(start: Start, number: signal.Signals) -> None:
    demo = start()
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if "connectrex serve" in line:
            break

    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=BOUND_S)

    assert demo.returncode == 130, said + rest
    assert nothing_runs(said)
