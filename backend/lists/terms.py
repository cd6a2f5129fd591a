"""Names and values that clients separate by commas: ``fields=name,"Total, all"``.

One that contains a comma is in quotation marks, and a quotation mark in it is doubled, as in CSV
(https://www.rfc-editor.org/rfc/rfc4180#section-2).
"""

from __future__ import annotations

import re

# A quotation mark without its pair stands for itself.
_TERM = re.compile(r'(?:[^,"]|"(?:[^"]|"")*"|")*', re.DOTALL)


def split(text: str) -> list[str]:
    """The terms as they are written, without the blanks around them."""
    terms, place = [], 0
    while True:
        match = _TERM.match(text, place)
        end = len(text) if match is None else match.end()
        terms.append(text[place:end].strip())
        if end >= len(text):
            return terms
        place = end + 1


def unquoted(term: str) -> str:
    """What a term stands for."""
    if len(term) > 1 and term[0] == term[-1] == '"':
        return term[1:-1].replace('""', '"')
    return term


def written(name: str) -> str:
    """The name as a term."""
    needs_quotes = not name or set(name) & set(',"') or name.strip() != name or name[0] == "-"
    return '"' + name.replace('"', '""') + '"' if needs_quotes else name
