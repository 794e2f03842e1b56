"""Which proxy the environment names for a server, by the rules that Go programs follow. Pure.

``HTTPS_PROXY`` or ``HTTP_PROXY`` by the server's scheme, unless ``NO_PROXY`` lists the host: a name
(with its subdomains), ``.name`` (subdomains only), an address, a CIDR, each with an optional port,
or ``*``. Loopback servers are never reached through a proxy.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def proxy_of_environment(server: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL for ``server``, empty for none."""
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy or not parts.hostname or _excluded(parts.hostname, parts.port, server, environ):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _excluded(host: str, port: int | None, server: str, environ: Mapping[str, str]) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    port = port or _PORTS.get(urlsplit(server).scheme)
    entries = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    return any(_matches(entry.strip().lower(), host, address, port) for entry in entries.split(","))


def _matches(entry: str, host: str, address: "_Address | None", port: int | None) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, _, entry_port = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if entry_port and entry_port != str(port):
        return False
    name = name.strip("[]")
    if address is not None:
        return _address(name) == address
    if name.startswith("*."):
        name = name[1:]
    return (
        host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")
    )


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
