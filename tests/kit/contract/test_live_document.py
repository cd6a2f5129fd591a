"""The requests that ``check --live`` derives from a project's API document."""

from __future__ import annotations

from backend.kit.contract.live.document import Document, as_json_schema, mismatch

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
    assert operation.required == {"day"}


def test_member_of_a_nested_list_can_be_a_list() -> None:
    flat = {"type": "integer", "x-nullable": True}
    for items, is_nested in ((flat, False), ({**flat, "x-nested": True}, True)):
        schema = as_json_schema({"type": "array", "items": items})
        assert not mismatch([1, None], schema)
        assert bool(mismatch([[1], [2]], schema)) is not is_nested
        assert mismatch(["x"], schema)
