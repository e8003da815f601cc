"""A load client that costs little: prebuilt bytes over kept-alive connections, one thread."""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class _Connection:
    line: socket.socket
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of it: seconds on the clock, statuses, and latencies in seconds, sorted."""

    seconds: float
    statuses: Counter[int]
    latencies_s: list[float]

    def percentile_ms(self, percent: float) -> float:
        """Return the latency in milliseconds that so many percent stayed below."""
        index = min(len(self.latencies_s) - 1, int(len(self.latencies_s) * percent / 100))
        return self.latencies_s[index] * 1000


def send(requests: Iterable[bytes], address: tuple[str, int], connections: int) -> Load:
    """Send `requests` over `connections` at once, each as soon as the one before is answered."""
    waiting = iter(requests)
    selector = selectors.DefaultSelector()
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    began = time.perf_counter()
    open_lines = 0
    for _ in range(connections):
        line = socket.create_connection(address)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one = _Connection(line=line)
        if _send_next(one, waiting):
            selector.register(line, selectors.EVENT_READ, one)
            open_lines += 1
    while open_lines:
        for key, _ in selector.select():
            one = key.data
            one.received += one.line.recv(65536)
            status = _complete(one.received)
            if status is None:
                continue
            statuses[status] += 1
            latencies.append(time.perf_counter() - one.sent_at)
            one.received.clear()
            if not _send_next(one, waiting):
                selector.unregister(one.line)
                one.line.close()
                open_lines -= 1
    return Load(
        seconds=time.perf_counter() - began, statuses=statuses, latencies_s=sorted(latencies)
    )


def _send_next(one: _Connection, waiting: Iterable[bytes]) -> bool:
    request = next(iter(waiting), None)
    if request is None:
        return False
    one.sent_at = time.perf_counter()
    one.line.sendall(request)
    return True


def _complete(received: bytearray) -> int | None:
    """Return the status once the whole answer is there."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return int(head[9:12]) if len(received) >= end + 4 + length else None
