"""``docker run --rm -v "$PWD:/project" IMAGE upgrade [--check]``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from backend.conf.errors import StartupError, escaped, in_line
from backend.conf.findings import PROBLEM, worst_of
from backend.kit.upgrade import files, report
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
    print(escaped(summary(result, written=not options.check)))
    is_to_do = result.changes or worst_of(result.findings) == PROBLEM
    return TO_DO if options.check and is_to_do else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="upgrade",
        description="Upgrades a project of the 2019 image: makes the changes that are safe, and "
        "lists the rest.",
    )
    parser.add_argument(
        "--check",
        "--dry-run",
        action="store_true",
        help="print the changes, but write nothing; exit code 1 if there is something to do",
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite files even if git cannot restore them"
    )
    parser.add_argument("folder", nargs="?", type=Path, default=MOUNTED, help=argparse.SUPPRESS)
    return parser


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise StartupError(
            f"The folder {folder} does not exist, so no project is mounted there.",
            'Change to your project\'s folder, and mount it: docker run --rm -v "$PWD:/project" '
            "IMAGE upgrade",
        )
    return folder


def _refuse_what_could_be_lost(root: Path, index: Index | None, result: Result) -> None:
    """Raises StartupError if git cannot restore a file that would be overwritten."""
    if not result.changes:
        return
    if index is None and (place := elsewhere(root)):
        raise StartupError(
            f"The project is a git worktree or a submodule. Its repository {place} is not mounted, "
            "so this program cannot see what git can restore. Nothing was changed.",
            "Run this in a separate clone (git clone), or use --force, which also overwrites "
            "changes that git cannot restore.",
        )
    if index is None:
        raise StartupError(
            "The project is not a git repository, so nothing could restore its files after a "
            "rewrite. Nothing was changed.",
            "Mount the top folder of the repository, or run `git init && git add .` first. To see "
            "the changes, use --check. To make them without git, use --force.",
        )
    unsaved = [path for path in result.changes if not index.holds(path, (root / path).read_bytes())]
    if unsaved:
        raise StartupError(
            f"Git cannot restore the changes in {', '.join(unsaved)}, because they are neither "
            "committed nor staged. Nothing was changed.",
            "Commit the changes, or stage them with `git add`. To overwrite them, use --force.",
        )


def _write(root: Path, result: Result) -> None:
    closed = [path for path in result.changes if not os.access((root / path).parent, os.W_OK)]
    if closed:
        raise StartupError(
            f"The owner of the project's folder (UID {os.geteuid()}) cannot write to the folder of "
            f"{', '.join(closed)}. Nothing was changed.",
            "Mount the folder without :ro, and make yourself its owner: sudo chown -R $(id -u) .",
        )
    for path, change in result.changes.items():
        try:
            files.write(root / path, change.after)
        except OSError as error:
            raise StartupError(
                f"{path} cannot be written: {error.strerror}. This file and those after it are "
                "unchanged.",
                "Correct the cause, and run this again. It continues with this file.",
            ) from error


def summary(result: Result, *, written: bool) -> str:
    by_hand = [finding for finding in result.findings if finding.level == PROBLEM]
    lines = []
    if result.changes:
        lines.append("Rewritten:" if written else "Would be rewritten:")
        for path, change in result.changes.items():
            lines += [f"  {in_line(path)}", *(f"    {each}" for each in change.done)]
        lines.append("")
    lines += report.lists(result.findings)
    if result.untracked:
        some = ", ".join(map(in_line, result.untracked[:SHOWN])) + (
            " ..." if result.untracked[SHOWN:] else ""
        )
        lines += [f"Skipped, because git does not track them: {some}", ""]
    if not result.changes and not by_hand:
        return "\n".join([*lines, "Nothing to do."])
    verb = "rewritten" if written else "to rewrite"
    rewritten = report.count(len(result.changes), "file")
    places = report.count(len(by_hand), "place")
    lines.append(f"{rewritten} {verb}, {places} to change by hand.")
    if written and result.changes:
        lines.append(
            "See what was rewritten with `git diff`. Run this again when the list is done."
        )
    return "\n".join(lines)


def _ended(lines: Iterable[str]) -> list[str]:
    """Lines of a diff. Each gets a line end, even the last line of a file without one."""
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


if __name__ == "__main__":
    with explained():
        sys.exit(main())
