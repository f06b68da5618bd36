"""Posts signed messages to addresses outside, and to none within the house.

The name is looked up once, all that it stands for must be allowed, and the connection goes to just that
address: a name that means something else a moment later leads nowhere else. Redirects are not followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from typing import Any

from app import clock
from app.engine import webhooks
from app.engine.webhooks import BadAddress, Target

TIMEOUT = 10.0  # seconds for each answer of the other side
DEADLINE = 30.0  # seconds for all of it
SIGNED = "v1"


class Undelivered(RuntimeError):
    """A message was not taken; the text says why, for people."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The signature of a message: HMAC-SHA256 over the time, a dot and the body, in hexadecimal digits."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def post(
    url: str, secret: str, message: Mapping[str, Any], *, delivery: str, trusted: Collection[str] = ()
) -> None:
    """Post a message, and wait until it is taken: by an answer of 2xx.

    ``delivery`` is the same whenever the same message is tried again.

    Raises :class:`Undelivered`.
    """
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = int(clock.now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Millwright",
        "Millwright-Delivery": delivery,
        "Millwright-Timestamp": str(timestamp),
        "Millwright-Signature": f"{SIGNED}={sign(secret, timestamp, body)}",
    }
    try:
        target = webhooks.target(url, trusted)
        connection = _Connection(target, _address(target))
    except BadAddress as refused:
        raise Undelivered(str(refused)) from None
    watch = threading.Timer(DEADLINE, connection.hang_up)
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", target.path, body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Undelivered(f"{target.host} cannot be reached: {error or type(error).__name__}") from error
    finally:
        watch.cancel()
        connection.close()
    if not 200 <= status < 300:
        why = " Redirects are not followed." if 300 <= status < 400 else ""
        raise Undelivered(f"{target.host} answered {status}.{why}")


def _address(target: Target) -> str:
    """An address that the host stands for; all that it stands for must be allowed."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Undelivered(f"The name {target.host} is not known.") from error
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        webhooks.check(target, address)
    if not addresses:
        raise Undelivered(f"The name {target.host} is not known.")
    return addresses[0]


class _Connection(http.client.HTTPConnection):
    """A connection to one address, whatever the host's name means by then."""

    def __init__(self, target: Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=TIMEOUT)
        self._target, self._address = target, address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self._target.port), TIMEOUT)
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            # The handshake too can be ended by :meth:`hang_up`.
            self.sock = context.wrap_socket(
                self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def hang_up(self) -> None:
        """End it from another thread: the other side is kept by nobody for longer than this."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
