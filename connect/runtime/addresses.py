"""Who can reach an address: this machine alone, or others too."""

from __future__ import annotations

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LOCALHOST: Final = "localhost"


def parse_address(host: str) -> Address | None:
    """Return a host as an address, None where it is a name. An IPv6 zone is left out; `::ffff:1.2.3.4` is `1.2.3.4`."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, for anyone: a loopback address, `localhost` or a name below it (RFC 6761).

    Names are never looked up: what a name stands for is its server's word.
    """
    address = parse_address(host)
    if address is not None:
        return address.is_loopback
    name = host.lower().removesuffix(".")
    return name == LOCALHOST or name.endswith("." + LOCALHOST)
