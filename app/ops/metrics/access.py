"""Who may read the metrics: machines of the operator's networks, and whoever has the token."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from secrets import compare_digest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# By these a proxy says for whom it asks: its own address then says nothing about who reads.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@dataclass(frozen=True)
class Readers:
    """Who may read. An empty ``token`` is nobody's."""

    networks: tuple[Network, ...]
    token: str = ""

    def admit(self, address: str, header: Callable[[str], str | None]) -> bool:
        """Whether a caller from this address of the network may read; ``header`` answers a header's value.

        Through a proxy only with the token: the proxy's own address may be in a network that is trusted.
        """
        scheme, _, given = (header("Authorization") or "").partition(" ")
        if self.token and scheme.lower() == "bearer":
            return compare_digest(given.strip().encode(), self.token.encode())
        if any(header(name) is not None for name in FORWARDED):
            return False
        try:
            caller = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(caller, "ipv4_mapped", None)
        return any((mapped or caller) in network for network in self.networks)
