"""Values as they may be shown: plain data, and nothing secret in them.

Two nets, one below the other. What a name or a URL gives away as secret is masked in
place; and every secret that was found anywhere is looked for in everything else, because
a team can compose texts of it. In doubt a value is masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from django.utils.functional import Promise
from django.views.debug import SafeExceptionReporterFilter

from backend.environment import TABLE, Environment

MASK = SafeExceptionReporterFilter.cleansed_substitute
# Django's rule for its error pages, and words that it does not know.
HIDDEN = re.compile(
    f"{SafeExceptionReporterFilter.hidden_settings.pattern}|CREDENTIAL|PRIVATE|PWD", re.IGNORECASE
)
# Names that the rule takes for secrets, and that hold paths of modules or of files.
HARMLESS = {
    *("AUTH_USER_MODEL", "AUTH_PASSWORD_VALIDATORS", "AUTHENTICATION_BACKENDS"),
    *("DEFAULT_AUTHENTICATION_CLASSES", "PASSWORD_HASHERS", "SECRET_KEY_FILE", "SECRET_STORE"),
}
# Their first level is names of a team's choice: the alias 'passenger_census' hides nothing.
BY_ALIAS = {"DATABASES", "CACHES", "STORAGES"}
WORDS = re.compile(r"[A-Za-z_. -]+")
# Shorter ones are words of everyday: masked by their name, not looked for everywhere.
LOOKED_FOR = 6  # characters

# user:password@ and token@ of a URL; to the last @, since a password may have one.
USERINFO = re.compile(r"(\b[a-z][\w+.-]*://)([^\s:/?#@]*)(:?)(\S*)@", re.IGNORECASE)
# Inside a text API and AUTH are plain words: "Transit API: stops".
IN_TEXT = "AUTHORIZATION|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|CREDENTIAL|PRIVATE|PWD"
# password=..., "token": ..., as in a query, a libpq string, JSON or a header.
NAMED = rf"""(?P<name>[\w-]*(?:{IN_TEXT})[\w-]*["']?\s*[=:]\s*)"""
QUOTED = r""""[^"]*"|'[^']*'"""
PAIR = re.compile(
    rf"""{NAMED}(?:(?:bearer|basic|token)\s+)?(?P<value>{QUOTED}|[^\s&;,"'\])}}]+)""", re.IGNORECASE
)
# The same in a program, where what stands without quotes is an expression.
LITERAL = re.compile(f"{NAMED}(?:{QUOTED})", re.IGNORECASE)
# NAME=value as the whole text, where the value may have spaces: gunicorn's raw_env.
ASSIGNMENT = re.compile(rf"\A(\w*(?:{HIDDEN.pattern})\w*=).+", re.IGNORECASE | re.DOTALL)


def hidden(name: str) -> bool:
    """Whether a setting or variable of this name is shown as a mask."""
    return name not in HARMLESS and HIDDEN.search(name) is not None


class Masker:
    """Makes values plain and masks them; it knows the secrets that it must not let through."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LOOKED_FOR}
        # The longest first: a secret can be part of another.
        self.known = sorted(forms, key=len, reverse=True)

    def code(self, line: str) -> str:
        """A line of a program, of which ``token = ask()`` says nothing secret."""
        return LITERAL.sub(rf"\g<name>{MASK}", self._without_known(line))

    def text(self, text: str) -> str:
        text = ASSIGNMENT.sub(rf"\g<1>{MASK}", self._without_known(text))
        return PAIR.sub(rf"\g<name>{MASK}", text)

    def _without_known(self, text: str) -> str:
        for secret in self.known:
            text = text.replace(secret, MASK)
        return USERINFO.sub(_without_password, text)

    def plain(self, value: Any, name: str = "") -> Any:
        """``value`` of the setting ``name`` as what JSON knows, masked.

        An object that is no data is shown by its class: what it would say of itself is not
        known to be free of secrets.
        """
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (str, bytes, dict, list, tuple, set, frozenset)) and not value:
            return "" if isinstance(value, (str, bytes)) else {} if isinstance(value, dict) else []
        if hidden(name):
            return MASK
        match value:
            case dict():
                inner = "" if name in BY_ALIAS else None
                return {
                    self.text(str(key)): self.plain(item, str(key) if inner is None else inner)
                    for key, item in value.items()
                }
            case set() | frozenset():
                return sorted((self.plain(item) for item in value), key=str)
            case list() | tuple():
                return [self.plain(item) for item in value]
            case int() | float():
                return MASK if str(value) in self.known else value
            case str() | Promise() | PurePath() | Decimal() | date() | timedelta():
                return self.text(str(value))
            case bytes():
                return self.text(value.decode("utf-8", "backslashreplace"))
            case re.Pattern():
                return self.text(str(value.pattern))
            case type() | FunctionType() | BuiltinFunctionType():
                return f"{value.__module__}.{value.__qualname__}"
        return f"<{type(value).__module__}.{type(value).__qualname__}>"


def _forms(secret: str) -> Iterator[str]:
    """How a secret may be written inside another text."""
    yield from (secret, secret.strip(), quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (re.escape(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])


def _without_password(found: re.Match[str]) -> str:
    scheme, user, colon, rest = found.groups()
    if colon:
        return f"{scheme}{user}:{MASK}@"
    # Without a password the user is one, as the key in Sentry's DSN; and where what stands
    # before the @ is no plain user, where the password begins is not known.
    return f"{scheme}{MASK}@" if user or rest else found[0]


def for_process(env: Environment, settings: dict[str, Any]) -> Masker:
    """A masker that knows the secrets of the environment, of the store and of the settings."""
    names = {*TABLE, *env.database_urls().values(), *env.store}
    names |= {name for name in env.raw if not name.endswith("_FILE")}
    secrets, public = set(), set()
    for name in names:
        value = env.text(name)
        if value is None:
            continue
        # A store is there for secrets: what the table does not know of it is one.
        unknown = name in env.store and name not in TABLE
        if unknown or (TABLE[name].secret if name in TABLE else hidden(name)):
            secrets |= {value, *_passwords(value)}
        else:
            secrets.update(_passwords(value))
            if name in TABLE:
                public.add(value)
    for name, value in settings.items():
        secrets.update(_secrets(value, name))
    # Masking them too would tell that the password is the user's name; and paths of files,
    # which names such as SSH_AUTH_SOCK hold, stand in the origins of everything.
    return Masker(secrets - public - {text for text in secrets if _is_file(text)})


def _secrets(value: Any, name: str, masked: bool = False) -> Iterator[str]:
    masked = masked or hidden(name)
    match value:
        case dict():
            for key, item in value.items():
                inner = "" if name in BY_ALIAS else str(key)
                yield from _secrets(item, inner, masked)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from _secrets(item, name, masked)
        case bytes():
            yield from _secrets(value.decode("utf-8", "backslashreplace"), name, masked)
        case str() | int() if not isinstance(value, bool):
            # Below such a name words are most often kinds and names: "type": "apiKey".
            if hidden(name) or (masked and not WORDS.fullmatch(str(value))):
                yield str(value)
            yield from _passwords(str(value))


def _passwords(text: str) -> Iterator[str]:
    """What stands for a password in URLs within ``text``, as it is and decoded."""
    for _, user, colon, rest in USERINFO.findall(text):
        password = rest if colon else user + rest
        yield from (password, unquote(password))
    for found in PAIR.finditer(text):
        yield found["value"].strip("'\"")


def _is_file(text: str) -> bool:
    if not text.startswith("/") or "\0" in text:
        return False
    try:
        return Path(text).exists()
    except OSError:
        return True
