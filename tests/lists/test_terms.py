"""Names with commas and quotation marks, as clients write them."""

from __future__ import annotations

import pytest

from backend.lists.terms import split, unquoted, written

NAMES = ["a", "", "a b", " a ", "a,b", 'say "hi"', '"', '""', '"a"', "-a", ',"', "a\nb", 'a","b']


@pytest.mark.parametrize("name", NAMES)
def test_a_written_name_is_read_as_itself(name: str) -> None:
    assert unquoted(written(name)) == name


def test_names_in_a_list_are_split_where_they_were_joined() -> None:
    assert [unquoted(term) for term in split(",".join(map(written, NAMES)))] == NAMES


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", [""]),
        ("a, b ,", ["a", "b", ""]),
        ('-"a,b",c', ['-"a,b"', "c"]),
        ('6" pipe', ['6" pipe']),
    ],
)
def test_a_list_is_split_outside_of_quotation_marks(text: str, terms: list[str]) -> None:
    assert split(text) == terms
