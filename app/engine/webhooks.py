"""Which addresses messages may be posted to, so that nobody reaches into the factory's own network.

Sending is for :mod:`app.jobs.webhooks`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

URL_LENGTH = 500
PORTS = {"https": 443, "http": 80}
# IPv6 addresses that lead to an IPv4 address which is a part of them.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadAddress(ValueError):
    """Nothing is posted there; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. One that ``is_trusted`` the settings name: it may be within the house."""

    scheme: str
    host: str
    port: int
    path: str
    is_trusted: bool


def target(url: str, trusted: Collection[str] = ()) -> Target:
    """What an address says, once it is one that may be posted to as far as can be seen from it.

    ``trusted`` are hosts, or hosts with ports, that may be within the house and without encryption.

    Raises :class:`BadAddress`.
    """
    if len(url) > URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress("Write an address like https://example.com/hook.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise BadAddress("Write an address like https://example.com/hook.") from None
    if parts.scheme not in PORTS or not host or "\\" in url:
        raise BadAddress("Write an address like https://example.com/hook.")
    if parts.username is not None or parts.password is not None:
        raise BadAddress(
            "Write the address without a user and a password: the signature proves who sends it."
        )
    if port == 0:
        raise BadAddress("No port is 0.")
    port = port or PORTS[parts.scheme]
    is_trusted = host in trusted or f"{host}:{port}" in trusted
    if parts.scheme != "https" and not is_trusted:
        raise BadAddress("The address must begin with https://, so that nobody reads along.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    found = Target(parts.scheme, host, port, path, is_trusted)
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        if not is_trusted and (host == "localhost" or host.endswith(".localhost")):
            raise BadAddress(_WITHIN) from None
    else:
        check(found, str(literal))
    return found


_WITHIN = (
    "This address is within the factory's own network, where nothing is posted to. An administrator can "
    "allow it by the setting MILLWRIGHT_WEBHOOK_HOSTS."
)


def check(found: Target, address: str) -> None:
    """Whether an IP address may be posted to. Raises :class:`BadAddress` where it is within the house."""
    if not found.is_trusted and not is_public(address):
        raise BadAddress(_WITHIN)


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet, also where it hides another one."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(str(hidden))
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
