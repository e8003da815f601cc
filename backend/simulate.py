"""`connectrex simulate`: phones in software against a running server, with a clock in common."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backend.core.clock import SteppedClock
from backend.core.settings import PREFIX, Mode

if TYPE_CHECKING:  # the extra "demo", which servers do without
    from backend.simulator.fleet import Fleet, Time
    from backend.simulator.plan import Plan
    from backend.simulator.tally import Tally

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600}


class _Span(click.ParamType[int]):
    """A time such as 90s, 15m or 2h, as seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([smh])", value)
        if found is None:
            self.fail("is a number with s, m or h, such as 15m", param, ctx)
        return int(found[1]) * _UNITS_S[found[2]]


class _Share(click.ParamType[float]):
    """A share such as 20%, as a number from 0 to below 1."""

    name = "percent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,3})?)%", value)
        if found is None:
            self.fail("is a number from 0 to below 100 with a % sign, such as 20%", param, ctx)
        return float(found[1]) / 100


SPAN: Final = _Span()
SHARE: Final = _Share()


@click.command()
@click.option(
    "--server", default="http://127.0.0.1:8000", show_default=True, help="Its public URL."
)
@click.option(
    "--codes",
    "codes_file",
    required=True,
    type=click.File(encoding="utf-8"),
    help="Enrolment codes, one a line, one for each phone (- reads them from standard input).",
)
@click.option(
    "--phones",
    type=click.IntRange(1, 10_000),
    default=None,
    help="How many phones (default: one for each code).",
)
@click.option(
    "--track",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="GPX file whose points carry times (default: the nine minutes' drive of the demo).",
)
@click.option(
    "--laps",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How often the track is driven: there, back, there …",
)
@click.option(
    "--every", type=SPAN, default="0s", show_default=True, help="Least time between two fixes."
)
@click.option(
    "--apart",
    type=SPAN,
    default="30s",
    show_default=True,
    help="By how much each phone begins later than the one before.",
)
@click.option(
    "--accuracy",
    type=click.FloatRange(0.5, 10_000),
    default=8.0,
    show_default=True,
    help="Radius in metres that holds the truth in 95 %, of every fix: GPX has none.",
)
@click.option(
    "--journal-every",
    type=SPAN,
    default="15m",
    show_default=True,
    help="How often a phone signs what it buffered.",
)
@click.option(
    "--offline",
    type=SHARE,
    default="0%",
    show_default=True,
    help="Share of the time without a connection: these fixes go into the journal.",
)
@click.option(
    "--late",
    type=SPAN,
    default="0s",
    show_default=True,
    help="Longest time that a signed token is held back, so that tokens come out of order.",
)
@click.option(
    "--gaps",
    type=SHARE,
    default="0%",
    show_default=True,
    help="Share of the fixes that the phone loses, and declares as gaps.",
)
@click.option(
    "--loss",
    type=SHARE,
    default="0%",
    show_default=True,
    help="Share of the requests that are lost on the way there or back, and sent again.",
)
@click.option(
    "--reboots",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="How often each phone is started anew.",
)
@click.option(
    "--rotate-every",
    type=SPAN,
    default="0s",
    show_default=True,
    help="How often a phone changes its key, when what the old one signed is there; 0s: never.",
)
@click.option(
    "--check-ins-every",
    type=SPAN,
    default="1m",
    show_default=True,
    help="How often a phone looks whether its person is to check in, and does; 0s: never.",
)
@click.option(
    "--drift",
    type=click.FloatRange(0, 10_000),
    default=20.0,
    show_default=True,
    help="Millionths by which a phone's monotonic clock runs fast or slow at most.",
)
@click.option(
    "--clock-off",
    type=SPAN,
    default="0s",
    show_default=True,
    help="By how much the time that a phone shows is wrong at most.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same run.")
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="How many phones speak at the same time.",
)
@click.option(
    "--stepped-clock",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The server's CONNECTREX_STEPPED_CLOCK: steps it, so that hours pass in seconds.",
)
def simulate(codes_file: Any, **options: Any) -> None:
    r"""Drive a running server with phones in software, and check that nothing gets lost.

    Each phone enrols with a code that an officer asked for (POST
    /v1/supervisees/{id}/enrolment-codes) and replays the track in real time. It sends each fix
    live while it has a connection, buffers it in its signed journal while it has none, repeats
    what got no answer, and in the end asks for every journal token again. A phone whose person is
    to check in (an officer's POST /v1/supervisees/{id}/appointments) does so as soon as that is
    open, signed by a presence key in software: enough where the agency's least_presence is none or
    device. The phones know the server by its wire protocol alone.

    Prints what was sent, accepted and refused, and why. Exit status 0: everything was delivered,
    and all that the server accepted is still there. 1: not so. 2: it could not begin.

    Ends the activation that each code's person had: use people made for this. Refused unless
    CONNECTREX_MODE says development, demo or test, so that nobody runs it on a production host
    by mistake.

    \b
    Example, 3 phones without a connection for a fifth of the time:
      export CONNECTREX_MODE=development
      connectrex simulate --codes codes.txt --offline 20% --journal-every 2m --late 3m --laps 2
    """
    _refuse_production()
    codes = [line.strip() for line in codes_file if line.strip()]
    phones = len(codes) if options["phones"] is None else options["phones"]
    if not 0 < phones <= len(codes):
        raise click.UsageError(f"{phones} phones need as many codes; the file has {len(codes)}.")
    sys.exit(_drive(codes[:phones], **options))


def _refuse_production() -> None:
    mode = os.environ.get(PREFIX + "MODE", Mode.PRODUCTION.value)
    if mode not in {Mode.DEVELOPMENT.value, Mode.DEMO.value, Mode.TEST.value}:
        raise click.UsageError(
            f"simulated phones are refused in {mode} mode: set {PREFIX}MODE to development, demo "
            "or test."
        )


def _drive(codes: Sequence[str], **options: Any) -> int:
    try:
        from backend.simulator import fleet  # noqa: PLC0415 - an extra that servers do without
        from backend.simulator.tally import summary  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: install connectrex[demo]") from None
    click.secho(fleet.BANNER, bold=True, err=True)
    driven = fleet.Fleet(
        server_url=options["server"].rstrip("/"),
        plan=_plan(**options),
        hardship=fleet.Hardship(
            drift_ppm=options["drift"], clock_off_s=options["clock_off"], loses=options["loss"]
        ),
        time=_time(options["stepped_clock"]),
        threads=options["threads"],
    )
    try:
        driven.enrol(codes)
    except fleet.FleetError as error:
        raise click.UsageError(str(error)) from None
    tally = _run(driven)
    click.echo("\n".join(summary(tally)))
    return 0 if tally.is_whole else 1


def _plan(**options: Any) -> Plan:
    from backend.simulator.plan import Plan  # noqa: PLC0415 - as above
    from backend.simulator.track import VISNJAN_DRIVE, read_track  # noqa: PLC0415 - as above

    track = read_track(options["track"] or VISNJAN_DRIVE, accuracy_m=options["accuracy"])
    if not track:
        raise click.UsageError("the track has no point with a time.")
    return Plan(
        track=track,
        laps=options["laps"],
        every_s=options["every"],
        apart_s=options["apart"],
        journal_every_s=max(1, options["journal_every"]),
        offline=options["offline"],
        lose=options["gaps"],
        late_s=options["late"],
        reboots=options["reboots"],
        rotate_every_s=options["rotate_every"],
        check_in_every_s=options["check_ins_every"],
        seed=options["seed"],
    )


def _time(stepped_clock: Path | None) -> Time:
    from backend.simulator.fleet import Time  # noqa: PLC0415 - as above

    if stepped_clock is None:
        return Time()
    clock = SteppedClock(stepped_clock)

    def wait(until: datetime) -> None:
        if clock.now() < until:
            clock.step_to(until)

    return Time(now=clock.now, wait=wait)


def _run(driven: Fleet) -> Tally:
    """Let the fleet go, and show how far it is; a stream that is no terminal gets a few lines."""
    label = f"{len(driven.walkers)} phones on their way"
    with click.progressbar(length=1000, label=label, show_eta=True, item_show_func=_shown) as bar:

        def progress(done_s: int, of_s: int) -> None:
            so_far = driven.tally()
            bar.update(1000 * done_s // max(1, of_s) - bar.pos, so_far)

        return driven.run(progress)


def _shown(tally: Tally | None) -> str | None:
    if tally is None:
        return None
    return f"{tally.taken} fixes, {tally.tokens} tokens"
