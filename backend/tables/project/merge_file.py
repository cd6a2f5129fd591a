"""Merges one generated file, statement by statement."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace

from backend.tables.generator.units import Parts, Unit, module, whole

Path = tuple[str, ...]  # of a unit: the file, the class, the attribute, and so on
BOTH = "you and the generated code both changed it"
BOTH_ADDED = "you and the generated code both added it"
GONE = "the generated code no longer has it, but you changed it"
MISSING = "the generated code changed it, but you removed or renamed it, and still use it"
USED = "the generated code no longer has it, but your code still uses it"


@dataclass(frozen=True)
class Conflict:
    """What cannot be merged. Your text stays."""

    path: Path
    line: int  # in your file; 0 if your file does not have it
    problem: str  # one of the constants above
    yours: str = ""
    new: str = ""


def read(name: str) -> Callable[[str], Parts]:
    """The function that reads the text of a file with this name."""
    return module if name.endswith(".py") else whole


class File:
    """The merge of one file, in which the units at ``kept`` stay as they are."""

    def __init__(self, name: str, kept: set[Path]) -> None:
        self.name = name
        self.kept = kept
        self.text: str | None = None
        self.conflicts: list[Conflict] = []
        self.gone: list[tuple[Path, Unit]] = []
        self.missing: list[tuple[Path, Unit]] = []

    def merge(self, last: str | None, new: str | None, yours: str | None) -> None:
        """Set ``text``, which is None for a file that does not exist."""
        path = (self.name,)
        self.text = yours
        if path in self.kept or yours == new:
            return
        if yours is None:
            if last is None:
                self.text = new
            elif new is not None and new != last:
                self.missing.append((path, Unit("", new)))
        elif yours == last:
            self._merge(last, new or "", yours)
            if not any(each[0] == self.name for each in self.kept):
                self.text = new
            elif new is None:
                self.text = yours
        elif last is None or new is None:
            problem = BOTH_ADDED if last is None else GONE
            self.conflicts.append(Conflict(path, 1, problem, new=new or ""))
        else:
            self._merge(last, new, yours)

    def _merge(self, last: str, new: str, yours: str) -> None:
        parts_of = read(self.name)
        mine = parts_of(yours)
        parts = self._parts(parts_of(last), parts_of(new), mine, (self.name,), 1)
        text = (parts or mine).text()  # a module has no head that both can change
        self.text = yours if text.removesuffix("\n") == yours.removesuffix("\n") else text

    def _parts(self, last: Parts, new: Parts, yours: Parts, path: Path, line: int) -> Parts | None:
        """The merged parts, or None if both changed the head."""
        head = _only_change(last.head, new.head, yours.head)
        tail = _only_change(last.tail, new.tail, yours.tail)
        if head is None or len({last.is_block, new.is_block, yours.is_block}) > 1:
            return None
        units = self._units(last, new, yours, path, line)
        return replace(yours, head=head, units=units, tail=yours.tail if tail is None else tail)

    def _units(
        self, last: Parts, new: Parts, yours: Parts, path: Path, line: int
    ) -> tuple[Unit, ...]:
        """The units in your order. New ones come after those that they follow in the new code."""
        before, after, mine = ({each.key: each for each in one.units} for one in (last, new, yours))
        merged: list[Unit] = []
        for key, unit in mine.items():
            one = self._unit(before.get(key), after.get(key), unit, (*path, key), unit.line or line)
            merged += [one] if one else []
        order = [*after]
        for position, (key, unit) in enumerate(after.items()):
            if key in mine or (*path, key) in self.kept:
                continue
            if key not in before:
                _insert(merged, unit, order[:position])
            elif not unit.equals(before[key]):
                self.missing.append(((*path, key), unit))
        return tuple(merged)

    def _unit(
        self, last: Unit | None, new: Unit | None, yours: Unit, path: Path, line: int
    ) -> Unit | None:
        """The merged unit, or None if it is to be removed."""
        if path in self.kept:
            return yours
        if isinstance(yours.node, ast.ImportFrom) and (imports := _imports(last, new, yours)):
            return self._import(imports, new, yours, path)
        if last is None:
            if new is not None and not new.equals(yours):
                self.conflicts.append(Conflict(path, line, BOTH_ADDED, yours.text, new.text))
            return yours
        if new is None:
            if yours.equals(last):
                self.gone.append((path, yours))
                return None
            self.conflicts.append(Conflict(path, line, GONE, yours.text))
            return yours
        lead = new.lead if yours.lead == last.lead else yours.lead
        if new.equals(last) or new.equals(yours):
            return replace(yours, lead=lead)
        text = self._inside(last, new, yours, path, line)
        return replace(yours, lead=lead, text=new.text if yours.text == last.text else text)

    def _inside(self, last: Unit, new: Unit, yours: Unit, path: Path, line: int) -> str:
        """The text of a unit that the generated code changed, and you perhaps, too."""
        before, after, mine = (each.parts() for each in (last, new, yours))
        if before and after and mine:
            parts = self._parts(before, after, mine, path, line)
            # A class that you indented in another way cannot take over lines.
            if parts and (not mine.is_block or _is_python(parts.text())):
                return parts.text()
            yours_text, new_text = mine.head, after.head
        else:
            yours_text, new_text = yours.text, new.text
        if yours.equals(last):
            return new.text
        self.conflicts.append(Conflict(path, line, BOTH, yours_text, new_text))
        return yours.text

    def _import(
        self, imports: tuple[Parts, Parts, Parts], new: Unit | None, yours: Unit, path: Path
    ) -> Unit | None:
        """An import with the names that you, the generated code, or both need."""
        last_names, new_names, your_names = imports
        names = self._units(last_names, new_names, your_names, path, yours.line)
        if not names:
            return None
        if new and names == new_names.units:
            return replace(yours, text=new.text)
        if names == your_names.units:
            return yours
        return replace(yours, text=replace(your_names, units=names).text())


def _only_change(last: str, new: str, yours: str) -> str | None:
    """The text that only one side changed, or None if both did."""
    if new in (last, yours):
        return yours
    return new if yours == last else None


def _is_python(text: str) -> bool:
    try:
        ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return False
    return True


def _imports(last: Unit | None, new: Unit | None, yours: Unit) -> tuple[Parts, Parts, Parts] | None:
    """The names of an import, unless it has a comment. One that does not exist has no names."""
    nothing = Parts("", (), "")
    before, after = (each.parts() if each else nothing for each in (last, new))
    mine = yours.parts()
    return (before, after, mine) if before and after and mine else None


def _insert(units: list[Unit], unit: Unit, before: list[str]) -> None:
    """Insert a new unit after the last one of those that come before it, or at the beginning."""
    places = {each.key: index for index, each in enumerate(units)}
    known = [places[key] for key in before if key in places]
    units.insert(known[-1] + 1 if known else 0, unit)
