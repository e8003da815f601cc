"""Which counters are shown: those of this process, or of all that share a directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

_SHARED_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own variable: where it is set, each process writes its counters there."""

_HOST: Final = "127.0.0.1"


def registry() -> CollectorRegistry:
    """Return what to show: with a shared directory the counters of every process that uses it."""
    if _SHARED_DIRECTORY not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # its one untyped place
    return together


@contextmanager
def served(port: int | None) -> Iterator[None]:
    """Answer every GET on this machine's `port` with the counters; with None do nothing."""
    if port is None:
        yield
        return
    server, thread = start_http_server(port, addr=_HOST, registry=registry())
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
