"""A cable to a server, which can be cut and mended: a dead database, a dead provider."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 1 << 16


class Cable:
    """Carries what is sent to `port` on 127.0.0.1 to another port there, while it is whole.

    Cut, it ends every connection and refuses new ones, as a server does that was stopped.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._changing = threading.Lock()
        self._fatal: tuple[bytes, bool] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut()

    def mend(self) -> None:
        """Let connections through again, at the same port."""
        self.cut()
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        with self._changing:
            self._ends.append(listener)
            self._begin(self._accept, listener)

    def cut(self) -> None:
        """End every connection and refuse new ones; return when nothing of them is left."""
        self._sever()
        with self._changing:
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def cut_at(self, words: bytes, *, answered: bool) -> None:
        """Cut once, when somebody says `words`: before they arrive, or when they are answered.

        In either case whoever said them hears nothing.
        """
        self._fatal = (words, answered)

    def _sever(self) -> None:
        with self._changing:
            ends, self._ends = self._ends, []
        for end in ends:
            _shut(end, socket.SHUT_RDWR)

    # Each thread closes what it reads from, and nobody else does: closed under its hands, the
    # number of a socket would soon be that of another, whose bytes it would steal.

    def _accept(self, listener: socket.socket) -> None:
        with listener, contextlib.suppress(OSError):  # Cut, or the server is down.
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                doomed = threading.Event()
                with self._changing:
                    self._ends += [near, far]
                    self._begin(self._carry, near, far, doomed)
                    self._begin(self._carry_back, far, near, doomed)

    def _carry(self, near: socket.socket, far: socket.socket, doomed: threading.Event) -> None:
        """Pass on what is asked, unless the cable is to be cut at it."""
        with near, _hanging_up(far):
            while data := near.recv(_CHUNK):
                if self._fatal is not None and self._fatal[0] in data:
                    (_, answered), self._fatal = self._fatal, None
                    if not answered:
                        self._sever()
                        return
                    doomed.set()
                far.sendall(data)

    def _carry_back(self, far: socket.socket, near: socket.socket, doomed: threading.Event) -> None:
        """Pass on what is answered, unless the cable is to be cut instead."""
        with far, _hanging_up(near):
            while data := far.recv(_CHUNK):
                if doomed.is_set():
                    self._sever()
                    return
                near.sendall(data)

    def _begin(self, act: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


@contextlib.contextmanager
def _hanging_up(end: socket.socket) -> Iterator[None]:
    """Say at the end that nothing more comes, also when the other side broke off."""
    with contextlib.suppress(OSError):
        yield
    _shut(end, socket.SHUT_WR)


def _shut(end: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # It is gone already.
        end.shutdown(how)
