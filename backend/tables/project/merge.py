"""Merges what changed in generated code into files that people may have edited since.

There are three versions of each file: the one that was generated last, the one that is generated
now, and "yours" in the project. What only one side changed is taken from that side. If both changed
the same thing, it is a conflict: your text stays, and so does the code of the same table in other
files, because half of a change can break it.

The versions are compared by names, not by lines as git does: a new column has nothing to do with
the method that somebody wrote below the last column.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backend.tables.generator.units import Unit, module
from backend.tables.project.merge_file import MISSING, USED, Conflict, File, Path, read
from backend.tables.project.references import References, words


@dataclass
class Merged:
    """The result for all files."""

    # The files that differ from yours. None means that the file is to be removed.
    changes: dict[str, str | None] = field(default_factory=dict)
    # What the next merge must treat as generated last.
    generated: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    # What changed in the generated code, but you removed or renamed.
    missing: list[Path] = field(default_factory=list)
    # Columns that are gone, with the file and line of your code that still names them.
    stale: list[tuple[Path, str, int]] = field(default_factory=list)


def merge(
    last: Mapping[str, str],
    new: Mapping[str, str],
    yours: Mapping[str, str],
    *,
    others: Mapping[str, str] | None = None,
    keep_yours: bool = False,
) -> Merged:
    """Merge the files of an application, which have Linux line ends.

    ``others`` are your further Python files. With ``keep_yours``, your text settles each conflict.
    Raises SyntaxError for a file that Python cannot parse.
    """
    merge = _Merge(last, new, yours, others or {}, keep_yours=keep_yours)
    while merge.run():
        """Until nothing else has to stay as it is."""
    return merge.result()


class _Merge:
    def __init__(
        self,
        last: Mapping[str, str],
        new: Mapping[str, str],
        yours: Mapping[str, str],
        others: Mapping[str, str],
        *,
        keep_yours: bool,
    ) -> None:
        self.last, self.new, self.yours, self.others = last, new, yours, others
        self.keep_yours = keep_yours
        self.references = References([last, new])
        self.conflicts: dict[Path, Conflict] = {}
        # What stays as it is: until its conflict is settled, or because your code uses it.
        self.waiting: set[Path] = set()
        self.used: set[Path] = set()
        self.files: dict[str, File] = {}

    def run(self) -> bool:
        """Merge each file. Returns whether more units than before must stay as they are."""
        before = len(self.waiting), len(self.used)
        for name in sorted({*self.last, *self.new}):
            versions = (self.last.get(name), self.new.get(name), self.yours.get(name))
            self.files[name] = File(name, self.waiting | self.used)
            self.files[name].merge(*versions)
        for file in self.files.values():
            for conflict in (*file.conflicts, *self._missed(file)):
                self._note(conflict)
        for file in self.files.values():
            for conflict in self._still_used(file):
                if conflict.path not in self.waiting:  # with another conflict of its table
                    self._note(conflict)
        return before != (len(self.waiting), len(self.used))

    def _note(self, conflict: Conflict) -> None:
        if self.keep_yours:
            if conflict.problem == USED:
                self.used.add(conflict.path)
            return
        self.conflicts[conflict.path] = conflict
        self.waiting |= {conflict.path, *self.references.same_table(conflict.path[:2])}

    def _missed(self, file: File) -> Iterable[Conflict]:
        """Classes that you renamed, although your code of the same table still depends on them."""
        for path, unit in file.missing:
            if len(path) == 2 and any(self._is_yours(each) for each in self.references.to(path)):
                yield Conflict(path, 0, MISSING, new=unit.text)

    def _is_yours(self, path: Path) -> bool:
        name, key = path
        return name in self.yours and any(
            unit.key == key for unit in read(name)(self.yours[name]).units
        )

    def _still_used(self, file: File) -> Iterable[Conflict]:
        """Classes that would be removed, although your code uses them. Used imports simply stay."""
        for path, unit in file.gone:
            if len(path) == 2 and isinstance(unit.node, ast.ClassDef):
                if any(path[1] in words(text) for text in self._results()):
                    yield Conflict(path, unit.line, USED, yours=unit.text)
            elif _imported(path, unit) & words(file.text or ""):
                self.used.add(path)

    def _results(self) -> Iterable[str]:
        yield from (file.text or "" for file in self.files.values())
        yield from self.others.values()

    def result(self) -> Merged:
        merged = Merged(conflicts=sorted(self.conflicts.values(), key=lambda each: each.path))
        for name, file in self.files.items():
            merged.missing += [path for path, _ in file.missing if path not in self.conflicts]
            merged.stale += self._stale(file)
            if file.text != self.yours.get(name):
                merged.changes[name] = file.text
            # Without your changes, everything is as generated, except for what waits.
            base = File(name, self.waiting)
            last = self.last.get(name)
            base.merge(last, self.new.get(name), last)
            if base.text is not None:
                merged.generated[name] = base.text
        return merged

    def _stale(self, file: File) -> Iterable[tuple[Path, str, int]]:
        for path, unit in file.gone:
            if len(path) != 3 or unit.node is None:
                continue
            for name, key in sorted(self.references.same_table(path[:2])):
                merged = self.files[name].text
                for each in module(merged).units if merged else ():
                    if each.key == key and path[-1] in words(each.text):
                        yield path, name, each.line


def _imported(path: Path, unit: Unit) -> set[str]:
    """The names that an import, or a name in it, gives to a file."""
    if isinstance(unit.node, (ast.Import, ast.ImportFrom)):
        return {each.asname or each.name.partition(".")[0] for each in unit.node.names}
    if len(path) == 3 and path[1].startswith("from "):
        return {unit.text.rpartition(" ")[2]}
    return set()
