"""Hosts, origins, and ports, in the form in which they are compared.

Django compares a host of ``ALLOWED_HOSTS`` with a request's ``Host`` header, and an origin with a
browser's ``Origin`` header. A value in any other form never matches.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

LABELS = r"[a-z0-9-]+(?:\.[a-z0-9-]+)*"
# As django.http.request takes it from a Host header.
HOST = re.compile(rf"\.?{LABELS}")
# RFC 6454, section 6.2. Apps on phones and browser extensions have their own schemes.
ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>\d{1,5}))?"
)
DEFAULT_PORTS = {"http": "80", "https": "443"}
# The origins of pages without a host: a sandboxed frame, and a file.
WITHOUT_HOST = ("null", "file://")
# What Kubernetes puts into POSTGRES_PORT where a Service of the namespace is called postgres.
SERVICE_LINK = re.compile(r"(?:tcp|udp)://(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
# The name of a server, or a folder of sockets.
SERVER = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?|[/@]\S+")


class UnfitError(ValueError):
    """An item of a list that can never match; ``instead`` is the probable intention, or empty."""

    def __init__(self, item: str, instead: str) -> None:
        super().__init__(item)
        self.item, self.instead = item, instead


def allowed_host(item: str) -> str:
    """An item of ALLOWED_HOSTS, in lowercase. Raises UnfitError."""
    host = item.lower()
    if host == "*" or HOST.fullmatch(host) or (host[:1] == "[" and _is_ipv6(host[1:-1])):
        return host
    raise UnfitError(item, _instead(item, _host_of, allowed_host))


def cors_origin(item: str) -> str:
    """An item of CORS_ALLOWED_ORIGINS as browsers write it. Raises UnfitError."""
    return item if item in WITHOUT_HOST else _origin(item, cors_origin)


def trusted_origin(item: str) -> str:
    """An item of CSRF_TRUSTED_ORIGINS, where ``https://*.example.org`` is any host below it."""
    scheme, wildcard, host = item.partition("://*.")
    if not wildcard:
        return _origin(item, trusted_origin)
    return _origin(f"{scheme}://{host}", trusted_origin, item).replace("://", wildcard, 1)


def _origin(text: str, parse: Callable[[str], str], item: str = "") -> str:
    match = ORIGIN.fullmatch(text.lower().rstrip("/"))
    if not match or int(match["port"] or 0) > 65535:
        raise UnfitError(item or text, _instead(item or text, _origin_of, parse))
    scheme, host, port = match["scheme"], match["host"], match["port"]
    # Browsers omit the default port.
    shown = f":{port}" if port and port != DEFAULT_PORTS.get(scheme) else ""
    return f"{scheme}://{host}{shown}"


def _instead(item: str, guess: Callable[[str], str], parse: Callable[[str], str]) -> str:
    """The probable intention of ``item``: its words, without the parts that do not belong."""
    guesses = [guess(word) for word in re.split(r"[\s;]+", item.lower()) if word.strip("\"'[]{}()")]
    try:
        return ",".join(parse(one) for one in guesses if one != item)
    except (UnfitError, IndexError):
        return ""


def _host_of(word: str) -> str:
    if _is_ipv6(address := word.partition("]")[0].removeprefix("[")):
        return f"[{address}]"
    host = re.sub(r"^[\w+.-]+://", "", word.strip("\"'[]{}()"))
    host = re.sub(r"[/?#].*|:\d*$", "", host.rpartition("@")[2]).rstrip(".")
    return _in_ascii(host.replace("*.", ".", 1).removeprefix("*") or "*")


def _origin_of(word: str) -> str:
    scheme, mark, rest = word.strip("\"'[]{}()").partition("://")
    host = re.sub(r"[/?#].*", "", rest if mark else scheme)
    return f"{scheme if mark else 'https'}://{_in_ascii(host)}"


def _in_ascii(host: str) -> str:
    """The name as a header contains it: xn--mnchen-3ya.de."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6 and "%" not in text
    except ValueError:
        return False


def is_server(text: str) -> bool:
    """Whether libpq can look for servers there: names, addresses or folders of sockets."""
    return all(SERVER.fullmatch(one) or _is_ipv6(one) for one in text.split(","))


def port(text: str) -> int | None:
    """A port from 1 to 65535, or that of a Kubernetes Service; None if the text is not a port."""
    link = SERVICE_LINK.fullmatch(text)
    digits = link["port"] if link else text
    if not re.fullmatch(r"\d{1,5}", digits, re.ASCII) or not 1 <= int(digits) <= 65535:
        return None
    return int(digits)
