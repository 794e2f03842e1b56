"""Which network address a vault may be reached at (design.md, Security). Pure.

An endpoint comes from who may write a vault's resource, and the controller sends its credentials
there: so it is https, or one that the controller's configuration lists. Addresses of link-local
networks and of clouds' metadata services are never used, however they are written. A name that
resolves to such an address is not found here; over https it could not prove who it is.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from kubeferry.errors import InvalidInput

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_PORTS = {"https": 443, "http": 80}
_FORBIDDEN = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "100.100.100.200/32",  # metadata of Alibaba Cloud's servers
        "fd00:ec2::/32",  # metadata of AWS' servers
        "0.0.0.0/32",
        "::/128",
    )
)
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Scheme, host and port of a storage server; an IPv6 host is without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def address(self) -> IPAddress | None:
        """The IP address the host is, None for a name."""
        return _address(self.host)

    def below(self, label: str) -> "Endpoint":
        """The same server under ``label.host``, as virtual-hosted buckets are."""
        return Endpoint(self.scheme, f"{label}.{self.host}", self.port)


def parse_endpoint(text: str, *, place: str) -> Endpoint:
    """``https://host[:port]``; without a scheme https is meant.

    Raises ``InvalidInput`` for anything else, and for addresses that are never used.
    """
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError as error:
        raise _not_an_endpoint(text, place) from error
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{text!r} has no port that can be", place=place) from error
    if parts.scheme not in _PORTS or parts.username is not None or parts.query or parts.fragment:
        raise _not_an_endpoint(text, place)
    if parts.path not in ("", "/") or not parts.hostname:
        raise _not_an_endpoint(text, place)
    host = parts.hostname
    if ":" in host:
        if _address(host) is None:
            raise _not_an_endpoint(text, place)
    elif "[" in parts.netloc or not _HOST.fullmatch(host):
        raise _not_an_endpoint(text, place)
    endpoint = Endpoint(parts.scheme, host, port or _PORTS[parts.scheme])
    _refuse_forbidden(endpoint, place)
    return endpoint


def check_allowed(endpoint: Endpoint, *, allowed: Iterable[str], place: str) -> None:
    """Whether a vault may name it: https or listed. Raises ``InvalidInput``."""
    if endpoint.scheme == "https":
        return
    listed = {parse_endpoint(text, place="allowed endpoints") for text in allowed}
    if endpoint not in listed:
        raise InvalidInput(
            f"{str(endpoint)!r} is not https",
            place=place,
            remedy="use https, or have the administrator list it in KUBEFERRY_ALLOWED_ENDPOINTS",
        )


def _refuse_forbidden(endpoint: Endpoint, place: str) -> None:
    address = endpoint.address
    if address is not None and any(
        one.version == net.version and one in net for one in _meant(address) for net in _FORBIDDEN
    ):
        raise InvalidInput(
            f"{endpoint.host!r} is a link-local or metadata address, which is never used",
            place=place,
            remedy="name the storage's own endpoint",
        )


def _meant(address: IPAddress) -> list[IPAddress]:
    """The address, and the IPv4 address inside it if it is one of those that wrap one."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inside = address.ipv4_mapped or address.sixtofour
    if inside is None and (address in _EMBEDDING or int(address) >> 32 == 0):
        inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return [address] if inside is None else [address, inside]


def _address(host: str) -> IPAddress | None:
    """An IP address in any notation that resolvers take: ``0xa9fea9fe``, ``169.254.43518``,
    ``0251.…``.
    """
    plain = host.rstrip(".").partition("%")[0]
    if ":" in plain:
        try:
            return ipaddress.IPv6Address(plain)
        except ValueError:
            return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(plain))
    except OSError:
        return None


def _not_an_endpoint(text: str, place: str) -> InvalidInput:
    return InvalidInput(
        f"{text!r} is no endpoint", place=place, remedy="write https://host or https://host:port"
    )
