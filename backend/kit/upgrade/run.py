"""One run over a project: the changes of its files, and the findings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backend.conf.errors import in_line
from backend.conf.findings import PROBLEM, Finding
from backend.kit.upgrade import files
from backend.kit.upgrade.git import Index
from backend.kit.upgrade.reading import Unreadable, read
from backend.kit.upgrade.rules import (
    by_hand,
    containers,
    projects,
    requirements,
    rewrites,
    templates,
    views,
)
from backend.kit.upgrade.source import Edit, Source

LARGEST = 5_000_000  # bytes of a file: nobody writes a larger one by hand
ROUNDS = 5  # the most rounds until nothing changes: one rule's result can be another's input
ProjectRule = Callable[[Mapping[str, Source]], dict[str, list[Edit]]]


@dataclass
class Change:
    """A file's text before and after, without a byte order mark, and a description."""

    before: str
    after: str
    done: list[str] = field(default_factory=list)


@dataclass
class Result:
    changes: dict[str, Change]
    findings: list[Finding]
    # Python files that were left out, because git does not track them.
    untracked: list[str]

    def diff(self) -> Iterator[str]:
        for path, change in self.changes.items():
            yield from difflib.unified_diff(
                change.before.splitlines(keepends=True),
                change.after.splitlines(keepends=True),
                in_line(f"a/{path}"),
                in_line(f"b/{path}"),
            )


class Run:
    def __init__(self, root: Path, index: Index | None) -> None:
        self.root = root
        self.paths, self.untracked = files.paths(root, index)
        self.changes: dict[str, Change] = {}
        self.findings: list[Finding] = []

    def result(self) -> Result:
        """Read everything, and write nothing."""
        sources = dict(self._sources())
        for _ in range(ROUNDS):
            before = {path: source.text for path, source in sources.items()}
            for path, source in sources.items():
                sources[path] = self._rewritten(source)
            for rule in (projects.keep_primary_keys, projects.setup_packages, views.rename_filters):
                self._apply(sources, rule)
            if all(source.text == before[path] for path, source in sources.items()):
                break
        for source in sources.values():
            self.findings += by_hand.list_findings(source)
        for check in (
            projects.missing_migrations,
            projects.retired_fields,
            projects.same_basenames,
            views.used_filters,
        ):
            self.findings += check(sources)
        self._other_files()
        changed = {path: self.changes[path] for path in sorted(self.changes)}
        untracked = [path for path in self.untracked if path.endswith(".py")]
        return Result(changed, sorted(set(self.findings), key=_place), untracked)

    def _sources(self) -> Iterator[tuple[str, Source]]:
        for path in self.paths:
            if path.endswith(".py") and (text := self._read(path)) is not None:
                source = Source(path, text)
                try:
                    source.tree  # noqa: B018  parsed once, and kept
                except SyntaxError as error:
                    self._list(
                        path,
                        error.lineno or 1,
                        f"Python 3.13 cannot parse this file: {error}.",
                        "Correct it, and run this again.",
                    )
                else:
                    yield path, source

    def _read(self, path: str) -> str | None:
        try:
            return read(self.root / path, LARGEST).decode("utf-8-sig")
        except Unreadable as error:
            self._list(path, 1, f"This file {error}, so it was skipped.", "Check it by hand.")
        except UnicodeDecodeError:
            if PurePosixPath(path).suffix:  # a file without one may be a program or data
                problem = "This file is not UTF-8."
                self._list(path, 1, problem, "Save it as UTF-8, and run this again.")
        except PermissionError:
            self._list(
                path,
                1,
                "The owner of the project's folder cannot read this file.",
                "Make it readable for that user, with chown or chmod.",
            )
        return None

    def _list(self, path: str, line: int, problem: str, fix: str) -> None:
        self.findings.append(Finding(PROBLEM, path, problem, fix, line))

    def _rewritten(self, source: Source) -> Source:
        text, done = rewrites.rewrite(source.path, source.text)
        self._note(source.path, source.text, text, done)
        return Source(source.path, text)

    def _apply(self, sources: dict[str, Source], rule: ProjectRule) -> None:
        for path, edits in rule(sources).items():
            new = sources[path].edited(edits)
            self._note(path, sources[path].text, new.text, [(rule.__doc__ or "").splitlines()[0]])
            sources[path] = new

    def _note(self, path: str, before: str, after: str, done: list[str]) -> None:
        if before != after:
            change = self.changes.setdefault(path, Change(before, after))
            change.after = after
            change.done += [each for each in done if each not in change.done]

    def _other_files(self) -> None:
        for path in self.paths:
            if requirements.is_requirements(path):
                self._requirements(path)
            elif path.endswith(".html"):
                self.findings += templates.list_findings(path, self._read(path) or "")
            elif containers.may_be_one(path, (self.root / path).stat().st_size):
                self.findings += containers.list_findings(path, self._read(path) or "")

    def _requirements(self, path: str) -> None:
        text = self._read(path) or ""
        after, done = requirements.rewrite(text)
        self._note(path, text, after, done)
        self.findings += requirements.list_findings(path, after)


def _place(finding: Finding) -> tuple[str, int, str, str]:
    return finding.subject, finding.line, finding.message, finding.fix
