"""Names in Python and in URLs for names of a database, which can be any text."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Collection

from django.db.models import Model

# What Django refuses as the name of a field, beside the attributes that every model has.
NOT_FIELDS = frozenset({"id", "pk", "objects", "check", "Meta", *dir(Model)})
# Names that the generated modules use themselves.
NOT_CLASSES = frozenset(
    """SearchVectorField None True False
    Table KeylessTable Model GeoFeatureModel""".split()  # TableViewSet, ModelSerializer
)


def field(column: str, taken: Collection[str], *, is_key: bool = False) -> str:
    """The Python name of a model's field: ``2020_visits`` becomes ``n2020_visits``."""
    name = re.sub(r"_{2,}", "_", _identifier(column)).strip("_").lower() or "column"
    if name[0].isdigit():
        name = f"n{name}"
    if keyword.iskeyword(name) or name in NOT_FIELDS - ({"id"} if is_key else set()):
        name = f"{name}_field"
    return free(name, taken, lambda number: f"{name}_{number}")


def model(relation: str, taken: Collection[str]) -> str:
    """The class of a relation: ``crashes_by_class`` becomes ``CrashesByClass``.

    Django does not distinguish models of an application by case alone.
    """
    words = re.split(r"[\W_]+", unicodedata.normalize("NFKC", relation))
    name = "".join(word[:1].upper() + word[1:] for word in words if word)
    if not name or not name[0].isalpha():
        name = f"Table{name}"
    if name in NOT_CLASSES or keyword.iskeyword(name) or not name.isidentifier():
        name = f"Table{_identifier(name)}"
    lowered = {each.lower() for each in taken}
    chosen, number = name, 2
    while chosen.lower() in lowered:
        chosen, number = f"{name}{number}", number + 1
    return chosen


def route(relation: str, taken: Collection[str]) -> str:
    """The part of a URL for a relation: ``Census Blocks 2020`` becomes ``Census-Blocks-2020``."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", relation).strip("-") or "table"
    return free(name, taken, lambda number: f"{name}-{number}")


def is_route(relation: str) -> bool:
    """Whether a name can be part of a URL as it is."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?<!-)", relation) is not None


def _identifier(text: str) -> str:
    # Python reads identifiers in this form.
    text = unicodedata.normalize("NFKC", text)
    return "".join(letter if f"a{letter}".isidentifier() else "_" for letter in text)


def free(name: str, taken: Collection[str], numbered: Callable[[int], str]) -> str:
    """The name, or the first of its numbered ones that is not taken."""
    number, chosen = 2, name
    while chosen in taken:
        chosen, number = numbered(number), number + 1
    return chosen
