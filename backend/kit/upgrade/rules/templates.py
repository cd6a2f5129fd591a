"""Django templates: removed tags, by line. Django's own lexer reads them."""

from __future__ import annotations

from collections.abc import Iterator

from django.template.base import Lexer, TokenType

from backend.conf.findings import PROBLEM, Finding

LIBRARIES = {"staticfiles", "admin_static"}
TAGS = {"ifequal": "{% if a == b %}", "ifnotequal": "{% if a != b %}"}


def list_findings(path: str, text: str) -> Iterator[Finding]:
    for token in Lexer(text).tokenize():
        words = token.split_contents() if token.token_type == TokenType.BLOCK else []
        line = token.lineno or 1  # the lexer counts from 1; other tokens have None
        if words[:1] == ["load"] and LIBRARIES & set(words[1:]):
            gone = min(LIBRARIES & set(words[1:]))
            yield Finding(
                PROBLEM,
                path,
                f"The template library {gone} no longer exists.",
                "Write {% load static %}.",
                line,
            )
        elif words and words[0] in TAGS:
            yield Finding(
                PROBLEM,
                path,
                f"The tag {words[0]} no longer exists.",
                f"Write {TAGS[words[0]]} and {{% endif %}}.",
                line,
            )
