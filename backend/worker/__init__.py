"""What runs by the clock: the jobs, the channels, and the callbacks that the outbox needs."""

from __future__ import annotations

from backend.worker.jobs import SCHEDULE, build
from backend.worker.loop import Job, Worker
from backend.worker.providers import open_provider
from backend.worker.watch import build_watch

__all__ = ["SCHEDULE", "Job", "Worker", "build", "build_watch", "open_provider"]
