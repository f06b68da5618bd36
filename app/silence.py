"""Connections that notice when the network is silent, as after a cable was pulled: nobody says goodbye then.

They may wait for an answer as long as the other machine is there.
"""

from __future__ import annotations

import socket

# After five seconds without a word the other side is asked, and is gone when it has not answered three times.
# What was sent and never arrived ends a connection after as long.
_WANTED = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 15_000}
# Options of a TCP socket and their values; a system that lacks some does without them.
OPTIONS: dict[int, int] = {
    getattr(socket, name): value for name, value in _WANTED.items() if hasattr(socket, name)
}


def notice(wire: socket.socket) -> None:
    """Set the options; a socket of this machine's own needs none."""
    if wire.family not in (socket.AF_INET, socket.AF_INET6):
        return
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in OPTIONS.items():
        wire.setsockopt(socket.IPPROTO_TCP, option, value)
