"""The story from beginning to end, and what remains of it: figures, checks, a running server."""

from __future__ import annotations

import signal
import sys
import time
from typing import Final

import requests

from backend.demo import chapters, payment
from backend.demo.cast import AUDITOR
from backend.demo.desk import Desk
from backend.demo.expectations import expectations
from backend.demo.record import Record, Witnessed, read_record
from backend.demo.screen import Screen
from backend.demo.stage import FOLDER, Stage, open_stage
from backend.demo.summary import show_checks, show_summary, show_where_to_look
from backend.demo.waiting import StoryError

SEALED_WITHIN_S: Final = 2.0
"""The last acts are sealed into the audit record within a second; nobody can ask whether."""
INTERRUPTED: Final = 130
"""The exit status of a command that was ended by Ctrl-C."""


def tell(*, exit_at_end: bool) -> int:
    """Tell the story; return 0 only if everything in it happened as it must.

    Afterwards the server goes on until Ctrl-C or SIGTERM, unless `exit_at_end`. Everything that
    was started is stopped in any case; files stay in `var/demo`.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = Screen(sys.stdout)
    screen.banner(
        "DEMO: everything here is invented: people, court, zones, money. Only the drive is real.",
        "Nothing leaves this machine. Push service, mailbox and payment page are local fakes that say so.",
        "The clock is stepped: two days pass in a minute, and all times below are the story's.",
    )
    status = INTERRUPTED
    try:
        with open_stage(FOLDER) as stage:
            status = _tell_on(stage, screen)
            if not exit_at_end:
                _keep_serving(stage, screen)
    except KeyboardInterrupt:
        screen.verbatim("", "Stopped; nothing is left running.")
    except StoryError as error:
        screen.verbatim("", f"The demo failed: {error}")
        return 1
    except requests.RequestException as error:
        screen.verbatim("", f"The demo failed: the server did not answer ({error}).")
        return 1
    return status


def _tell_on(stage: Stage, screen: Screen) -> int:
    try:
        record, witnessed = _play(stage, screen)
    except Exception:
        screen.verbatim("", f"The last lines of {stage.server.log}:", *stage.server.log_tail())
        raise
    checks = expectations(record, witnessed)
    show_summary(screen, record, witnessed)
    show_checks(screen, checks)
    return 0 if all(check.holds for check in checks) else 1


def _play(stage: Stage, screen: Screen) -> tuple[Record, Witnessed]:
    witnessed = Witnessed()
    chapters.set_up(stage, screen)
    with stage.server:
        case = chapters.open_case(stage, screen)
        phone = chapters.enrol(stage, screen, case)
        chapters.drive(stage, screen, case, phone, witnessed)
        chapters.fall_silent(stage, screen, case, witnessed)
        chapters.ask_without_location(stage, screen, phone, witnessed)
        chapters.let_a_fee_fall_due(stage, screen, case)
        chapters.remind(stage, screen, case, phone, witnessed)
        chapters.ask_with_location(stage, screen, phone, witnessed)
        payment.pay(stage, screen, case, phone, witnessed)
        auditor = Desk(stage.server.url, AUDITOR)
        record = read_record(case.officer, auditor, case.supervisee_id, case.titles)
        time.sleep(SEALED_WITHIN_S)
    chapters.verify_audit(stage, screen, witnessed)
    return record, witnessed


def _keep_serving(stage: Stage, screen: Screen) -> None:
    """Start the server again on the same file; return only if it ends by itself."""
    with stage.server:
        show_where_to_look(screen, stage)
        stage.server.wait_for_end()
    raise StoryError(f"The server ended by itself; {stage.server.log} says why.")
