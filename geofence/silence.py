"""Silence: nothing heard from a phone that should speak."""

from __future__ import annotations


def silent_since(
    *, last_received_s: int | None, expected_from_s: int, now_s: int, limit_s: int
) -> int | None:
    """Since when a person has been silent, or None if they were heard within the limit.

    Judged by time of *receipt*: fixes that arrive late, whenever they were taken, end a
    silence when they arrive. `expected_from_s` is when reporting became due (enrolment, the
    end of an exemption): nobody is silent before.
    """
    heard_s = expected_from_s if last_received_s is None else max(last_received_s, expected_from_s)
    return heard_s if now_s - heard_s > limit_s else None
