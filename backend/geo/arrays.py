"""Arrays of any number of dimensions: PostgreSQL does not tell how many those of a column have."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

# MAXDIM in https://github.com/postgres/postgres/blob/REL_17_0/src/include/c.h
MOST_DIMENSIONS = 6


class NestedListField(serializers.ListField):
    """A list of values, or of lists, or of lists of lists, as the value is."""

    def to_representation(self, data: Any) -> list[Any]:
        return [self._represented(each) for each in data]

    def _represented(self, each: Any) -> Any:
        if isinstance(each, list):
            return self.to_representation(each)
        return None if each is None else self.child.to_representation(each)


def nested_json(array: str, element: str) -> str:
    """SQL for the JSON of an array, if ``element`` is that of its element ``one``.

    Of its elements, those that are first in a dimension open a list, and those that are last close
    one. A list in the second dimension has as many elements as all dimensions after it.
    """
    sizes = [f"cardinality({array}) / array_length({array}, 1)"]
    for dimension in range(2, MOST_DIMENSIONS):
        sizes.append(f"{sizes[-1]} / array_length({array}, {dimension})")
    lists = f"unnest((ARRAY[{', '.join(sizes)}])[:array_ndims({array}) - 1]) size"
    opened = f"repeat('[', (SELECT count(*)::int FROM {lists} WHERE mod(number - 1, size) = 0))"  # noqa: S608
    closed = f"repeat(']', (SELECT count(*)::int FROM {lists} WHERE mod(number, size) = 0))"  # noqa: S608
    return (
        f"(SELECT '[' || string_agg({opened} || {element} || {closed}, ',' ORDER BY number) || ']' "  # noqa: S608
        f"FROM unnest({array}) WITH ORDINALITY elements (one, number))"
    )
