"""Django's error page and error mail, with the secrets in them masked.

Django masks values by name (``PASSWORD``), but shows the same value in a URL, in a function's
variable, in a message, or in a line of code.
"""

from __future__ import annotations

from collections.abc import ItemsView
from functools import cached_property
from types import FrameType
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from backend.conf.environment import Environment, current
from backend.conf.errors import StartupError
from backend.conf.masking import MASK, Masker, for_process
from backend.conf.secret_vocabulary import is_secret, secret_members
from backend.logs.masking import mask_query, mask_uri

# Characters of a value that are searched and shown. Django shows the first 4096 of a variable.
LONGEST = 20_000
DEEPEST = 8  # levels of dictionaries and lists
# The attribute of a request whose response shows a traceback.
SHOWN = "_backend_shows_traceback"


class _SecretNames:
    """Replaces Django's pattern for the names whose values it hides."""

    search = staticmethod(is_secret)


class ReporterFilter(SafeExceptionReporterFilter):
    """Filters the settings, the request, and the variables that an error page shows."""

    hidden_settings = _SecretNames  # type: ignore[assignment]  # Django only searches by it

    @cached_property
    def masker(self) -> Masker:
        """Masks this process's secrets."""
        values = {name: getattr(settings, name) for name in dir(settings)}
        env = current()
        try:
            return for_process(env, values)
        except StartupError:
            # A file with a secret was removed after the start. The settings have its content.
            raw = {name: value for name, value in env.raw.items() if not name.endswith("_FILE")}
            return for_process(Environment(raw, env.store), values)

    def get_safe_settings(self) -> dict[str, Any]:
        names = [name for name in dir(settings) if name.isupper()]
        return {name: self.masker.plain(getattr(settings, name), name) for name in names}

    # Django calls these with None if there is no request, which the stubs do not say.
    def get_safe_request_meta(self, request: HttpRequest | None) -> dict[str, Any]:
        return self._named(super().get_safe_request_meta(cast("HttpRequest", request)))

    def get_safe_cookies(self, request: HttpRequest | None) -> dict[str, Any]:
        return self._named(super().get_safe_cookies(cast("HttpRequest", request)))

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return self._named(dict(super().get_post_parameters(request).items()))

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: _masked(self.masker, name, value) for name, value in values.items()}

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: _Shown(self.masker, name, value) for name, value in variables}.items()


class Reporter(ExceptionReporter):
    """The page and the mail, with messages, addresses, and lines of code masked as well."""

    def __init__(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.known = ReporterFilter().masker
        if type(self.filter) is ReporterFilter:
            # A new filter, because Django caches its own, and settings may change.
            self.filter = ReporterFilter()
            self.filter.masker = self.known

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        for name in ("exception_value", "exception_notes", "unicode_hint"):
            if name in data:
                data[name] = self.known.text(data[name])
        if self.request is not None:
            if not self.is_email:
                setattr(self.request, SHOWN, True)
            address = mask_uri(data["request_insecure_uri"])
            data["request_insecure_uri"] = self.known.text(address)
            items = self.request.GET.items()
            data["request_GET_items"] = [
                (key, _masked(self.known, key, item)) for key, item in items
            ]
        for frame in data["frames"]:
            if frame["exc_cause"]:
                frame["exc_cause"] = self.known.text(str(frame["exc_cause"]))
            for name in {"pre_context", "post_context"} & frame.keys():
                frame[name] = [self.known.code(line) for line in frame[name]]
            if "context_line" in frame:
                frame["context_line"] = self.known.code(frame["context_line"])
        return data


class _Shown:
    """A function's variable as Django prints it, but masked."""

    def __init__(self, known: Masker, name: str, value: Any) -> None:
        self.known, self.name, self.value = known, name, value

    def __repr__(self) -> str:
        value = _masked(self.known, self.name, self.value)
        return self.known.text(pprint(value)[:LONGEST])


def _masked(known: Masker, name: Any, value: Any, depth: int = 0) -> Any:
    """``value`` with the strings in it masked. Objects that are not plain data stay."""
    if isinstance(value, (str, bytes)):
        if value and is_secret(str(name)):
            return MASK
        value = value[:LONGEST]
        if name == "QUERY_STRING":
            value = mask_query(str(value))
        elif isinstance(value, str) and "?" in value and "\n" not in value:
            value = mask_uri(value)
        return known.text(value) if isinstance(value, str) else known.plain(value)
    if depth < DEEPEST and isinstance(value, dict):
        secrets = secret_members(value)
        return {
            key: MASK if key in secrets and item else _masked(known, key, item, depth + 1)
            for key, item in value.items()
        }
    if depth < DEEPEST and type(value) in (list, tuple):
        return type(value)(_masked(known, "", item, depth + 1) for item in value)
    return value
