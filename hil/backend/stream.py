"""A byte stream over a socket to a process that plays the device."""

from __future__ import annotations

import socket

from hil.errors import LinkError

#: Seconds a write may wait: the kernel holds far more than the credits allow to be under way, so a
#: full link is a firmware that reads no more.
WRITE_TIMEOUT_S = 10.0


class SocketTransport:
    """See `hil.backend.base.Transport`. name: of the other end, for messages."""

    def __init__(self, link: socket.socket, name: str) -> None:
        self._link = link
        self._name = name

    def read(self, timeout: float) -> bytes:
        """Return what is there, after at most `timeout` seconds; b"" when nothing came."""
        self._link.settimeout(max(timeout, 1e-6))
        try:
            data = self._link.recv(65536)
        except TimeoutError:
            return b""
        except OSError as error:
            raise LinkError(f"{self._name}: {error.strerror or error}") from None
        if not data:
            raise LinkError(f"{self._name}: the process has ended")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._link.settimeout(WRITE_TIMEOUT_S)
        try:
            self._link.sendall(data)
        except OSError as error:
            raise LinkError(f"{self._name}: {error.strerror or error}") from None

    def close(self) -> None:
        """Close the stream; the process then ends by itself."""
        self._link.close()
