"""Values in a form that is safe to show: plain data without secrets.

There are two steps. First, a value that its name or URL marks as secret is masked in place. Then
every secret from anywhere is masked in all other values, because a team can build texts from it.
When in doubt, a value is masked.
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

from backend.conf import secret_vocabulary
from backend.conf.environment import Environment
from backend.conf.secret_vocabulary import is_secret, secret_members
from backend.conf.variables import TABLE

MASK = SafeExceptionReporterFilter.cleansed_substitute
# The team chooses the names at their first level: the alias 'tokens' is not a secret.
BY_ALIAS = {"DATABASES", "CACHES", "STORAGES", "SECURITY_DEFINITIONS"}
WORDS = re.compile(r"[A-Za-z_. -]+")
# Shorter ones are everyday words: masked by their name, but not searched for everywhere.
LOOKED_FOR = 6  # characters


class Masker:
    """Converts values to plain data, and masks the secrets that it knows."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LOOKED_FOR}
        # The longest first, because a secret can be part of another.
        self.known = sorted(forms, key=len, reverse=True)

    def code(self, line: str) -> str:
        """A masked line of code, in which ``token = ask()`` is not a secret."""
        return secret_vocabulary.mask_literals(self._without_known(line), MASK)

    def text(self, text: str) -> str:
        return secret_vocabulary.mask(self._without_known(text), MASK)

    def _without_known(self, text: str) -> str:
        for secret in self.known:
            text = text.replace(secret, MASK)
        return text

    def plain(self, value: Any, name: str = "", secret: bool = False) -> Any:
        """``value`` of the setting ``name`` as what JSON knows, masked; ``secret``: whole.

        An object that is not data is shown by its class, because its own text could contain
        secrets.
        """
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (str, bytes, dict, list, tuple, set, frozenset)) and not value:
            return "" if isinstance(value, (str, bytes)) else {} if isinstance(value, dict) else []
        if secret or is_secret(name):
            return MASK
        match value:
            case dict():
                by_alias = name in BY_ALIAS
                secrets = set() if by_alias else secret_members(value)
                return {
                    self.text(str(key)): self.plain(
                        item, "" if by_alias else str(key), key in secrets
                    )
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
    """The forms in which another text can contain a secret."""
    yield from (secret, secret.strip(), quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (re.escape(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])


def for_process(env: Environment, settings: dict[str, Any]) -> Masker:
    """A masker that knows the secrets of the environment, the store, and the settings."""
    names = {*TABLE, *env.database_urls().values(), *env.store}
    names |= {name for name in env.raw if not name.endswith("_FILE")}
    secrets, public = set(), set()
    for name in names:
        value = env.text(name)
        if value is None:
            continue
        # A store is for secrets: every name in it that the table does not know is one.
        unknown = name in env.store and name not in TABLE
        if unknown or (TABLE[name].secret if name in TABLE else is_secret(name)):
            secrets |= {value, *_passwords(value)}
        else:
            secrets.update(_passwords(value))
            if name in TABLE:
                public.add(value)
    for name, value in settings.items():
        secrets.update(_secrets(value, name))
    # To mask these too would reveal that the password equals the username. The paths of files, in
    # variables such as SSH_AUTH_SOCK, are in the origin of every setting.
    return Masker(secrets - public - {text for text in secrets if _is_file(text)})


def _secrets(value: Any, name: str, masked: bool = False) -> Iterator[str]:
    named = is_secret(name)
    match value:
        case dict():
            secrets = set() if name in BY_ALIAS else secret_members(value)
            for key, item in value.items():
                inner = "" if name in BY_ALIAS else str(key)
                yield from _secrets(item, inner, masked or named or key in secrets)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from _secrets(item, name, masked or named)
        case bytes():
            yield from _secrets(value.decode("utf-8", "backslashreplace"), name, masked)
        case str() | int() if not isinstance(value, bool):
            # Below such a name, most words are kinds and names: "type": "apiKey".
            if named or (masked and not WORDS.fullmatch(str(value))):
                yield str(value)
            yield from _passwords(str(value))


def _passwords(text: str) -> Iterator[str]:
    """The passwords in ``text``, as written and decoded."""
    for password in secret_vocabulary.values(text):
        yield from (password, unquote(password))


def _is_file(text: str) -> bool:
    if not text.startswith("/") or "\0" in text:
        return False
    try:
        return Path(text).exists()
    except OSError:
        return True
