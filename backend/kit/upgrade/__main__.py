"""``docker run --rm -v "$PWD:/project" IMAGE upgrade [--check]``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from backend.conf.errors import StartupError, escaped, in_line
from backend.conf.findings import PROBLEM, WARNING, worst_of
from backend.kit.upgrade import files
from backend.kit.upgrade.git import Index, elsewhere
from backend.kit.upgrade.run import Result, Run
from backend.logs.ending import explained

MOUNTED = Path("/project")
TO_DO = 1  # exit code of --check
SHOWN = 5  # of the files that git does not track


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    root = _folder(options.folder)
    index = Index.of(root)
    run = Run(root, index)
    result = run.result()
    if options.check:
        print(escaped("".join(_ended(result.diff())).replace("\r\n", "\n")), end="")
    else:
        if not options.force:
            _refuse_what_could_be_lost(root, index, result)
        _write(root, result)
    print(escaped(_report(result, written=not options.check)))
    is_to_do = result.changes or worst_of(result.findings) == PROBLEM
    return TO_DO if options.check and is_to_do else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="upgrade",
        description="Rewrites a project of the 2019 image where that is safe, and lists the rest.",
    )
    parser.add_argument("--check", "--dry-run", action="store_true", help="write nothing, print "
    "the differences; exit code 1 when there is something to do")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="write without git, or over "
        "changes that git does not hold")  # fmt: skip
    parser.add_argument("folder", nargs="?", type=Path, default=MOUNTED, help=argparse.SUPPRESS)
    return parser


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise StartupError(
            f"There is no project at {folder}.",
            'Go to your project\'s folder and mount it: docker run --rm -v "$PWD:/project" IMAGE '
            "upgrade",
        )
    return folder


def _refuse_what_could_be_lost(root: Path, index: Index | None, result: Result) -> None:
    """Raises StartupError if git cannot restore a file that would be overwritten."""
    if not result.changes:
        return
    if index is None and (place := elsewhere(root)):
        raise StartupError(
            f"The project is a git worktree or a submodule: its repository lies in {place}, which "
            "is not mounted, so it cannot be seen what git holds. Nothing was changed.",
            "Run this in a clone of its own (git clone), or with --force, which also writes over "
            "changes that git does not hold.",
        )
    if index is None:
        raise StartupError(
            "The project is no git repository, so nothing could bring back what is rewritten. "
            "Nothing was changed.",
            "Mount the top folder of the repository, or run `git init && git add .`; --check "
            "shows the changes, and --force makes them without git.",
        )
    unsaved = [path for path in result.changes if not index.holds(path, (root / path).read_bytes())]
    if unsaved:
        raise StartupError(
            f"Changes that git does not hold are in {', '.join(unsaved)}. Nothing was changed.",
            "Commit them, or `git add` them; --force writes over them.",
        )


def _write(root: Path, result: Result) -> None:
    closed = [path for path in result.changes if not os.access((root / path).parent, os.W_OK)]
    if closed:
        raise StartupError(
            f"{', '.join(closed)} cannot be written by the owner of the project's folder (UID "
            f"{os.geteuid()}). Nothing was changed.",
            "Mount the folder without :ro, and give it to yourself: sudo chown -R $(id -u) .",
        )
    for path, change in result.changes.items():
        try:
            files.write(root / path, change.after)
        except OSError as error:
            raise StartupError(
                f"{path} cannot be written: {error.strerror}. It is as it was, and so are those "
                "after it.",
                "Mend that and run this again: it goes on from here.",
            ) from error


def _report(result: Result, *, written: bool) -> str:
    by_hand = [finding for finding in result.findings if finding.level == PROBLEM]
    notes = [finding for finding in result.findings if finding.level == WARNING]
    lines = []
    if result.changes:
        lines.append("Rewritten:" if written else "Would be rewritten:")
        for path, change in result.changes.items():
            lines += [f"  {in_line(path)}", *(f"    {each}" for each in change.done)]
        lines.append("")
    for title, listed in (("By hand:", by_hand), ("Good to know:", notes)):
        if listed:
            lines.append(title)
            for finding in listed:
                place = f"{in_line(finding.subject)}, line {finding.line}"
                lines += [f"  {place}: {finding.message}", f"      FIX: {finding.fix}"]
            lines.append("")
    if result.untracked:
        some = ", ".join(map(in_line, result.untracked[:SHOWN])) + (
            " ..." if result.untracked[SHOWN:] else ""
        )
        lines += [f"Not looked at, because git does not track them: {some}", ""]
    if not result.changes and not by_hand:
        return "\n".join([*lines, "Nothing to do."])
    verb = "rewritten" if written else "to rewrite"
    lines.append(
        f"{_count(len(result.changes), 'file')} {verb}, {_count(len(by_hand), 'place')} to "
        "change by hand."
    )
    if written and result.changes:
        lines.append(
            "See what was rewritten with `git diff`. Run this again when the list is done."
        )
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _ended(lines: Iterable[str]) -> list[str]:
    """Lines of a diff. Each gets a line end, even the last line of a file without one."""
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


if __name__ == "__main__":
    with explained():
        sys.exit(main())
