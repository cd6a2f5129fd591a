"""Which errors are the client's, and the status of each."""

import json

import pytest
from django.db import DataError, OperationalError
from django.http import UnreadablePostError

from backend.client_errors import answer_to


def raised(code, *arguments):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        code(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnreadablePostError(11, "Resource temporarily unavailable"), 408),
        (ValueError("A string literal cannot contain NUL (0x00) characters."), 400),
        (raised(json.loads, "[" * 100_000), 400),
        (DataError("Geometry has Z dimension but column does not\n"), 400),
        (DataError("Geometry type (Point) does not match column type (Polygon)"), 400),
    ],
    ids=repr,
)
def test_an_error_of_the_clients_has_a_status_below_500(error, status):
    assert answer_to(error)[0] == status


@pytest.mark.parametrize(
    "error",
    [
        DataError("division by zero"),
        OperationalError("server closed the connection"),
        RecursionError("maximum recursion depth exceeded in comparison"),
        ValueError("invalid literal for int()"),
    ],
    ids=repr,
)
def test_any_other_error_stays_what_it_is(error):
    assert answer_to(error) is None
