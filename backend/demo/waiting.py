"""Waiting for what the server does by itself: in real time, often, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

Found = TypeVar("Found")

_POLL_S: Final = 0.1
_PATIENCE_S: Final = 30.0


class StoryError(Exception):
    """Something did not happen as it must; the text says what, for whoever runs the demo."""


def wait_for(what: str, find: Callable[[], Found | None]) -> Found:
    """Return what `find` finds as soon as it finds something. Raises StoryError in the end."""
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise StoryError(f"Waited {_PATIENCE_S:.0f} seconds in vain for {what}.")
        time.sleep(_POLL_S)
