"""One run over a project: the changes of its files, and the findings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backend.conf.errors import in_line
from backend.conf.findings import PROBLEM, Finding
from backend.kit.upgrade import files, project
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


RULES: list[ProjectRule] = [
    projects.keep_primary_keys,
    projects.setup_packages,
    projects.app_names,
    views.rename_filters,
]


class Run:
    def __init__(self, root: Path, index: Index | None) -> None:
        self.root = root
        self.paths, self.untracked = files.paths(root, index)
        self.changes: dict[str, Change] = {}
        self.findings: list[Finding] = []
        # Whether the project's container has setuptools, although no file names it.
        self.has_setuptools = False

    def result(self) -> Result:
        """Read everything, and write nothing."""
        return self.result_of(dict(self.sources()))

    def result_of(self, sources: dict[str, Source]) -> Result:
        """The same for sources that are read."""
        whole = project.find(sources)
        sources = dict(sources)
        for _ in range(ROUNDS):
            before = {path: source.text for path, source in sources.items()}
            for path, source in sources.items():
                sources[path] = self._rewritten(source)
            for rule in RULES:
                self._apply(sources, rule)
            if all(source.text == before[path] for path, source in sources.items()):
                break
        self.findings += in_code(sources)
        self._other_files(is_whole=whole is not None)
        changed = {path: self.changes[path] for path in sorted(self.changes)}
        untracked = [path for path in self.untracked if path.endswith(".py")]
        return Result(changed, sorted(set(self.findings), key=_place), untracked)

    def sources(self) -> Iterator[tuple[str, Source]]:
        own = self._own_packages()
        for path in self.paths:
            if path.endswith(".py") and (text := self.read(path)) is not None:
                source = Source(path, text, own)
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

    def _own_packages(self) -> frozenset[str]:
        """The packages in the top folder and beside each manage.py, and those of setuptools."""
        pure = [PurePosixPath(path) for path in self.paths if path.endswith(".py")]
        tops = {PurePosixPath(), *(path.parent for path in pure if path.name == "manage.py")}
        own = {path.parent.name for path in pure if path.parent.parent in tops}
        if self.has_setuptools or any(
            requirements.installs_setuptools(path, self.read) for path in self.paths
        ):
            own |= {"setuptools", "distutils", "pkg_resources"}
        return frozenset(own)

    def read(self, path: str) -> str | None:
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
        return Source(source.path, text, source.own)

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

    def _other_files(self, *, is_whole: bool) -> None:
        for path in self.paths:
            if requirements.is_requirements(path):
                self._requirements(path)
            elif path.endswith(".html"):
                self.findings += templates.list_findings(path, self.read(path) or "")
            # `adopt` lists the files of a project with its own settings.
            elif not is_whole and containers.may_be_one(path, (self.root / path).stat().st_size):
                self.findings += containers.list_findings(path, self.read(path) or "")

    def _requirements(self, path: str) -> None:
        text = self.read(path) or ""
        after, done = requirements.rewrite(text)
        self._note(path, text, after, done)
        self.findings += requirements.list_findings(path, after)


def in_code(sources: Mapping[str, Source]) -> Iterator[Finding]:
    """The findings in Python files, as they are in ``sources``."""
    whole = project.find(sources)
    for source in sources.values():
        yield from by_hand.list_findings(source, whole)
    for check in (
        projects.missing_migrations,
        projects.retired_fields,
        projects.same_basenames,
        views.used_filters,
    ):
        yield from check(sources)


def _place(finding: Finding) -> tuple[str, int, str, str]:
    return finding.subject, finding.line, finding.message, finding.fix
