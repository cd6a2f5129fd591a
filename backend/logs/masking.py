"""Removes what a log must not keep: secrets in URLs, and the addresses of clients."""

from __future__ import annotations

import functools
import ipaddress
import re
from urllib.parse import unquote_plus

from backend.conf.secret_vocabulary import MASK, is_secret, mask_forms

# 203.0.113.7:4711 and [2001:db8::7]:4711, as some load balancers write X-Forwarded-For.
WITH_PORT = re.compile(r"\[([^]]+)\](?::\d+)?|([^:]+):\d+")
WORD = re.compile(r"\S+")
LONGEST = 80  # characters of such an address, including the interface of a link-local one


def mask_query(query: str) -> str:
    """A query string with the values of secret parameters replaced by ``***``."""
    return "&".join(_mask(parameter) for parameter in query.split("&")) if query else query


def _mask(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    # Decoded, because the application decodes it: t%6Fken is token.
    decoded = unquote_plus(value)
    secret = value and (is_secret(unquote_plus(name)) or mask_forms(decoded, MASK) != decoded)
    return f"{name}={MASK}" if secret else name + equals + value


def mask_uri(uri: str) -> str:
    """A path or URL with its query string masked."""
    path, mark, query = uri.partition("?")
    return path + mark + mask_query(query)


def mask_uris(text: str) -> str:
    """Text with the query strings of all URIs in it masked."""
    return WORD.sub(lambda word: mask_uri(word[0]), text)


def client_address(address: str, keep: str) -> str | None:
    """A client's address for the log; None if there is none, or if it is not an address.

    ``keep`` is ``full``, ``none``, or ``truncated``: without an IPv4 address' last 8 bits,
    an IPv6 address' last 64, which distinguish the members of a household.
    """
    return None if keep == "none" or len(address) > LONGEST else _address(address, keep == "full")


# A cache of the last clients, because parsing takes as long as the rest of a line.
@functools.lru_cache(maxsize=1024)
def _address(text: str, full: bool) -> str | None:
    if match := WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    if full:
        return str(address)
    bits = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network((int(address), bits), strict=False).network_address)
