from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.explanation import Explanation
from backend.alerts.kinds import Severity
from backend.alerts.lifecycle import (
    MACHINE_STEPS,
    TRANSITIONS,
    AlertState,
    Disposition,
    Refusal,
    Standing,
    Step,
    take,
)

# The life of an alert as the domain tells it, written down a second time and by hand.
LEGAL = {
    AlertState.OPEN: {Step.ACKNOWLEDGE, Step.NOTE, Step.WITHDRAW},
    AlertState.ACKNOWLEDGED: {Step.INVESTIGATE, Step.RECORD_CONTACT, Step.NOTE, Step.WITHDRAW},
    AlertState.INVESTIGATING: {Step.RESOLVE, Step.RECORD_CONTACT, Step.NOTE, Step.WITHDRAW},
    AlertState.RESOLVED: {Step.REOPEN, Step.NOTE},
    AlertState.REOPENED: {Step.INVESTIGATE, Step.RECORD_CONTACT, Step.NOTE},
    AlertState.WITHDRAWN: {Step.REINSTATE, Step.NOTE},
}


def _taken(standing: Standing, step: Step) -> Standing | Refusal:
    disposition = Disposition.EXCUSED if step is Step.RESOLVE else None
    return take(standing, step, note="Because.", disposition=disposition)


@pytest.mark.parametrize("state", AlertState)
@pytest.mark.parametrize("step", Step)
def test_every_step_is_legal_or_refused_as_the_domain_says(state: AlertState, step: Step) -> None:
    result = _taken(Standing(state=state), step)

    if step in LEGAL[state]:
        assert isinstance(result, Standing)
    else:
        assert result is Refusal.NOT_FROM_HERE


def test_an_alert_goes_through_its_whole_life() -> None:
    standing = Standing()

    for step, state in [
        (Step.ACKNOWLEDGE, AlertState.ACKNOWLEDGED),
        (Step.INVESTIGATE, AlertState.INVESTIGATING),
        (Step.RESOLVE, AlertState.RESOLVED),
        (Step.REOPEN, AlertState.REOPENED),
        (Step.INVESTIGATE, AlertState.INVESTIGATING),
        (Step.RESOLVE, AlertState.RESOLVED),
    ]:
        after = _taken(standing, step)
        assert isinstance(after, Standing)
        assert after.state is state
        standing = after


@pytest.mark.parametrize("note", ["", "  ", "\n"])
@pytest.mark.parametrize("step", [step for step in Step if step not in MACHINE_STEPS])
def test_a_step_of_a_human_needs_a_note(step: Step, note: str) -> None:
    state = next(state for state, legal in LEGAL.items() if step in legal)

    assert take(Standing(state=state), step, note=note, disposition=None) is Refusal.NOTE_MISSING


def test_a_resolution_without_disposition_is_refused() -> None:
    standing = Standing(state=AlertState.INVESTIGATING)

    result = take(standing, Step.RESOLVE, note="Called.", disposition=None)

    assert result is Refusal.DISPOSITION_MISSING


def test_a_disposition_outside_a_resolution_is_refused() -> None:
    result = take(Standing(), Step.NOTE, note="Called.", disposition=Disposition.CONFIRMED)

    assert result is Refusal.DISPOSITION_UNASKED


@given(st.lists(st.tuples(st.sampled_from(Step), st.sampled_from(Disposition))))
def test_whatever_is_tried_a_decision_is_never_taken_away_by_the_machine(
    tried: list[tuple[Step, Disposition]],
) -> None:
    standing = Standing()

    for step, disposition in tried:
        decision = disposition if step is Step.RESOLVE else None
        after = take(standing, step, note="Because.", disposition=decision)
        if isinstance(after, Refusal):
            assert after is Refusal.NOT_FROM_HERE or (
                after is Refusal.DECIDED and standing.decided and step in MACHINE_STEPS
            )
            continue
        assert TRANSITIONS[standing.state, step] is after.state
        assert not (standing.decided and after.state is AlertState.WITHDRAWN)
        assert standing.disposition is after.disposition or step is Step.RESOLVE
        standing = after


def test_the_more_urgent_severity_wins() -> None:
    assert Severity.WARNING.at_least(Severity.CRITICAL) is Severity.CRITICAL
    assert Severity.WARNING.at_least(Severity.INFORMATION) is Severity.WARNING


@pytest.mark.parametrize(
    ("english", "spanish"), [("", "Algo."), ("Something.", " "), ("x" * 2001, "y")]
)
def test_an_alert_that_cannot_explain_itself_is_refused(english: str, spanish: str) -> None:
    with pytest.raises(ValueError, match="sentence"):
        Explanation(data={}, sentence_en=english, sentence_es=spanish)


def test_an_explanation_holds_no_number_that_is_none() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Explanation(data={"distance_m": math.nan}, sentence_en="Something.", sentence_es="Algo.")
