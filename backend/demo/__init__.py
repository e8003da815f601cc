"""The scripted story that `make demo` tells: over real HTTP, with invented people, checked."""

from __future__ import annotations

from backend.demo.story import tell

__all__ = ["tell"]
