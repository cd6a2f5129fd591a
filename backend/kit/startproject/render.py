"""Fills in the templates of ``scaffold/``, with Django's template engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.template import Context, Engine

_UNKNOWN = "\0unknown:%s\0"
_engine = Engine(autoescape=False, string_if_invalid=_UNKNOWN)
# A line with only a tag that prints nothing, which must not leave an empty line.
_TAG_ALONE = re.compile(r"^[ \t]*(\{%[^\n%]*%\}|\{#[^\n]*#\})[ \t]*\n", re.MULTILINE)


def render(text: str, context: Mapping[str, object]) -> str:
    """Fill in a template. Raises LookupError if it names a value that does not exist."""
    if not settings.configured:
        # The engine needs the language to print a number.
        settings.configure(USE_I18N=False)
    template = _engine.from_string(_TAG_ALONE.sub(r"\1", text))
    rendered = template.render(Context(dict(context), autoescape=False))
    if unknown := re.search(r"\0unknown:(.*?)\0", rendered):
        raise LookupError(f"the template names {unknown[1]}, which is not in its context")
    return rendered


def render_file(template: Path, context: Mapping[str, object]) -> str:
    """The same for a file, whose name is in the error."""
    try:
        return render(template.read_text(encoding="utf-8"), context)
    except LookupError as error:
        raise LookupError(f"{template}: {error}") from error
