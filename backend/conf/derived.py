"""Settings that are computed from other settings, after the team's file has changed those."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


class _Number(int):
    """A boolean, an integer, or None, as an object of its own."""

    __slots__ = ()


class _Text(str):
    """A string, as an object of its own."""

    __slots__ = ()


@dataclass(frozen=True)
class _Rule:
    compute: Callable[..., Any]
    names: tuple[str, ...]
    value: Any  # the value that a team's file finds
    before: Any  # the same, and never changed


class Derivations:
    """Gives settings a value that depends on other settings.

    ``STATIC_ROOT = derived(lambda folder: Path(folder) / "static", "DATA_DIR")`` has a value at
    once, which a team's file can read. After that file, ``settle`` computes it again, unless the
    team set the name to another value or changed it in place. Derived values can also be inside
    dictionaries and lists, such as LOGGING.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._rules: list[_Rule] = []
        # Maps the name of a setting to the names that it, or something in it, was computed from.
        self.sources: dict[str, tuple[str, ...]] = {}

    def __call__(self, compute: Callable[..., Any], *names: str) -> Any:
        """The value that ``compute`` returns for the settings ``names``, which can be None."""
        value = _distinct(self._apply(compute, names))
        self._rules.append(_Rule(compute, names, value, copy.copy(value)))
        return value

    def settle(self) -> None:
        """Compute again every value that a team's file has not changed.

        In the order of their definition, so that one can follow another.
        """
        for rule in self._rules:
            if rule.value != rule.before:
                continue  # a list that the team extended
            value = self._apply(rule.compute, rule.names)
            for name, holder, key in list(self._places(rule.value)):
                holder[key] = value
                self.sources[name] = (*self.sources.get(name, ()), *rule.names)

    def _apply(self, compute: Callable[..., Any], names: tuple[str, ...]) -> Any:
        return compute(*map(self._settings.get, names))

    def _places(self, value: Any) -> Iterator[tuple[str, Any, Any]]:
        """Each place of ``value`` itself: the setting, and the container in it with the key."""
        # Values that are themselves computed again are not searched.
        computed = {id(rule.value) for rule in self._rules}
        for name in [name for name in self._settings if name.isupper()]:
            seen = set(computed)
            rest: list[tuple[Any, Any]] = [(self._settings, name)]
            while rest:
                holder, key = rest.pop()
                item = holder[key]
                if item is value:
                    yield name, holder, key
                elif isinstance(item, (dict, list)) and id(item) not in seen:
                    seen.add(id(item))
                    keys = item if isinstance(item, dict) else range(len(item))
                    rest += [(item, key) for key in keys]


def _distinct(value: Any) -> Any:
    """An equal value, whose identity shows whether a name still has it."""
    if value is None or isinstance(value, int):
        return _Number(value or 0)
    return _Text(value) if isinstance(value, str) else value
