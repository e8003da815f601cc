"""A cable to a server, which can be cut and mended: a dead database, a dead provider."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 1 << 16


class Cable:
    """Carries what is sent to `port` on 127.0.0.1 to another port there, while it is whole.

    Cut, it ends every connection and refuses new ones, as a server does that was stopped.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener: socket.socket | None = None
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
        for thread in self._threads:
            thread.join()

    def mend(self) -> None:
        """Let connections through again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._begin(self._accept, self._listener)

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        with self._changing:
            listener, self._listener = self._listener, None
            ends, self._ends = self._ends, []
        for end in ([listener] if listener else []) + ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut_at(self, words: bytes, *, answered: bool) -> None:
        """Cut once, when somebody says `words`: before they arrive, or when they are answered.

        In either case whoever said them hears nothing.
        """
        self._fatal = (words, answered)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # The listener was closed, or its server is down.
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                with self._changing:
                    self._ends += [near, far]
                self._begin(self._carry, near, far)

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """Pass questions on; answers go back in a thread of their own."""
        doomed = threading.Event()
        self._begin(self._carry_back, far, near, doomed)
        with contextlib.suppress(OSError):
            while data := near.recv(_CHUNK):
                if self._fatal is not None and self._fatal[0] in data:
                    (_, answered), self._fatal = self._fatal, None
                    if not answered:
                        self.cut()
                        return
                    doomed.set()
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _carry_back(self, far: socket.socket, near: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(_CHUNK):
                if doomed.is_set():
                    self.cut()
                    return
                near.sendall(data)
            near.shutdown(socket.SHUT_WR)

    def _begin(self, act: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
