"""Files are scanned by ClamAV, where the site runs its daemon, clamd."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from io import BytesIO

from clamav_client.clamd import ClamdError, ClamdNetworkSocket, ClamdUnixSocket

from app.domain.scanning import ScannerUnavailable

TIME_LIMIT = 30  # seconds to wait for a sign of life
DEFAULT_PORT = 3310


class _UnixSocket(ClamdUnixSocket):
    """With a time limit for connecting too, where the library waits once a hung daemon's queue is full."""

    def _init_socket(self) -> None:
        self.clamd_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.clamd_socket.settimeout(self.timeout)
        self.clamd_socket.connect(self.unix_socket)


@dataclass(frozen=True)
class Clamd:
    """The daemon at ``unix:/path`` or ``tcp:host:port``."""

    address: str
    time_limit: int = TIME_LIMIT

    def __post_init__(self) -> None:
        self._connection()

    def scan(self, data: bytes) -> str | None:
        """The name of the first virus found, or None.

        Only a clear answer counts: whatever else happens, the file has not been scanned.

        :raises ScannerUnavailable: no connection, no answer in time, or not one of the two
        """
        try:
            answer = self._connection().instream(BytesIO(data)).get("stream")
        except (ClamdError, OSError, UnicodeDecodeError) as error:
            reason = str(error) or type(error).__name__
            raise ScannerUnavailable(f"clamd at {self.address}: {reason}") from error
        match answer:
            case ("OK", None):
                return None
            case ("FOUND", str(virus)):
                return virus
        raise ScannerUnavailable(f"clamd at {self.address} answered {answer or 'nothing'}")

    def _connection(self) -> ClamdNetworkSocket:
        """A connection for one question. Raises :class:`ValueError` when the address cannot be one."""
        kind, _, place = self.address.partition(":")
        if kind == "unix" and place.startswith("/"):
            return _UnixSocket(place, self.time_limit)
        host, _, port = place.partition(":")
        if kind != "tcp" or not host or not (port or str(DEFAULT_PORT)).isdecimal():
            raise ValueError(f"{self.address!r} is no address of a clamd; use unix:/path or tcp:host:port")
        return ClamdNetworkSocket(host, int(port or DEFAULT_PORT), self.time_limit)
