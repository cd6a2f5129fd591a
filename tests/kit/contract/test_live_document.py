"""The requests that ``check --live`` derives from a project's API document."""

from __future__ import annotations

from backend.kit.contract.live.document import Document

PARAMETERS = [
    {"name": "day", "in": "query", "type": "string", "format": "date", "required": True},
    {"name": "ordering", "in": "query", "type": "array", "items": {"enum": ["a", "-a", "b"]}},
    {"name": "one", "in": "query", "type": "array", "maxItems": 1, "items": {"enum": ["x", "y"]}},
    {"name": "only", "in": "query", "type": "array", "items": {"enum": ["z"]}},
]
DAY = {"day": "2020-01-31"}


def test_choices_are_requested_together_and_one_by_one() -> None:
    answers = {"responses": {"200": {"description": ""}}}
    spec = {"paths": {"/things/": {"get": {"parameters": PARAMETERS, **answers}}}}
    (operation,) = Document(spec).operations()
    assert list(operation.choices()) == [
        [
            [{**DAY, "ordering": "-a,b"}],
            [{**DAY, "ordering": "-a"}, {**DAY, "ordering": "b"}],
        ],
        [[{**DAY, "one": "y"}]],
    ]
