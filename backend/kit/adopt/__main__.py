"""``docker run --rm -v "$PWD:/project" IMAGE adopt [--check] [--force]``."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from backend.conf.errors import StartupError, escaped, in_line
from backend.conf.findings import PROBLEM, WARNING, Finding, worst_of
from backend.kit.adopt import compose, containers, packages, plan, settings, write
from backend.kit.startproject import names
from backend.kit.startproject.plan import IMAGE
from backend.kit.upgrade import project as django_projects
from backend.kit.upgrade import report
from backend.kit.upgrade.__main__ import summary
from backend.kit.upgrade.git import Index
from backend.kit.upgrade.project import DjangoProject
from backend.kit.upgrade.reading import Unreadable, read
from backend.kit.upgrade.rules import rewrites
from backend.kit.upgrade.run import LARGEST, Change, Run, in_code
from backend.kit.upgrade.source import Source
from backend.logs.ending import explained

MOUNTED = Path("/project")
RENAMED = (rewrites.django_upgrade.__doc__ or "").splitlines()[0]
TO_DO = 1  # exit code of --check
# git may not track these, but they are read and never overwritten.
OF_THIS_MACHINE = (".env", ".gitignore", ".dockerignore", "Dockerfile", *plan.COMPOSE)
READ = re.compile(
    r"(^|/)([^/]*dockerfile[^/]*|procfile|aptfile|pipfile(\.lock)?|pyproject\.toml|uv\.lock"
    r"|poetry\.lock|setup\.(py|cfg)|[^/]+\.(ya?ml|sh|txt)|[^/.]+"
    r"|\.?env[._-][a-z]+|[a-z]+[._-]env|\.python-version)$",
    re.IGNORECASE,
)


@dataclass
class Outcome:
    """What to write, what else to say, and what ``upgrade`` would change."""

    project: DjangoProject
    files: dict[str, str]
    findings: list[Finding]
    changes: dict[str, Change]
    kept: list[str]  # files of containers that exist, and stay


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the project, write the files that are missing, and print the list."""
    options = _parser().parse_args(arguments)
    root: Path = options.folder
    if not root.is_dir():
        raise StartupError(
            f"The folder {root} does not exist, so no project is mounted there.",
            'Change to your project\'s folder, and mount it: docker run --rm -v "$PWD:/project" '
            "IMAGE adopt",
        )
    image = names.image(options.image)
    index = Index.of(root)
    run = Run(root, index if index and index.hashes else None)
    texts = _texts(root, run)
    run.has_setuptools = packages.came_with_setuptools(texts)
    sources = dict(run.sources())
    project = django_projects.find(sources)
    if project is None:
        return _without_settings(root, run, sources)
    outcome = _outcome(root, run, sources, texts, project, image, force=options.force)
    if options.check:
        print(escaped("".join(_diff(root, outcome.files))), end="")
        saved: dict[str, str] = {}
    else:
        _check_writable(root, outcome.files)
        saved = write.write(root, index, outcome.files)
    print(escaped("\n".join(_report(outcome, saved, written=not options.check))))
    is_to_do = outcome.files or worst_of(outcome.findings) == PROBLEM
    return TO_DO if options.check and is_to_do else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="adopt",
        description="Puts a whole Django project on this image: writes a Dockerfile, a Compose "
        "file, and so on around it, and lists what a person must decide.",
        epilog="It never changes the project's code. An existing file stays, unless --force "
        "replaces it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--check",
        "--dry-run",
        action="store_true",
        help="print the files, but write nothing; exit code 1 if there is something to do",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace an existing Dockerfile and Compose file, and add what .env, .gitignore, and "
        ".dockerignore lack; those that adopt wrote stay; if git cannot restore a file, it stays "
        f"beside the new one, with the ending {write.ASIDE}",
    )
    parser.add_argument(
        "--image",
        metavar="IMAGE",
        default=IMAGE,
        help="the image in the FROM line of the Dockerfile (default: %(default)s)",
    )
    parser.add_argument("folder", nargs="?", type=Path, default=MOUNTED, help=argparse.SUPPRESS)
    return parser


def _without_settings(root: Path, run: Run, sources: dict[str, Source]) -> int:
    """A project of the 2019 image, for which ``upgrade`` has the list, or none at all."""
    if any("local_settings" in path.split("/")[:-1] for path in run.paths):
        print(escaped(summary(run.result_of(sources), written=False)))
        print("This project uses the image's settings. To rewrite it, run upgrade.")
        return 0
    if "manage.py" in {PurePosixPath(path).name for path in run.untracked}:
        raise StartupError(
            "Git does not track manage.py, so it may not be part of this project.",
            "Run `git add .`, and run this again.",
        )
    raise StartupError(
        f"There is no Django project in {root}: no manage.py with the settings that it names.",
        "Change to the top folder of the project, and mount that folder. For a new project, run "
        "startproject.",
    )


def _outcome(
    root: Path,
    run: Run,
    sources: dict[str, Source],
    texts: dict[str, str],
    project: DjangoProject,
    image: str,
    *,
    force: bool,
) -> Outcome:
    project = _for_servers(project, sources, texts)
    read_settings = settings.read(sources, project)
    chosen = packages.installation(texts, list(dict.fromkeys([project.folder, ""])))
    texts |= {path: source.text for path, source in sources.items()}
    adoption = plan.Adoption(project, read_settings, chosen, texts, run.paths, image)
    made = plan.files(adoption)
    file = next(path for path in plan.COMPOSE if path in made)
    if not force and not _begins_alike(texts.get(file, made[file]), made[file]):
        made = {}  # the project has its own containers, whose lines the list corrects
    files = write.to_write(root, made, force=force)
    of_code, changes = _code(run, sources)
    found = [
        *read_settings.findings,
        *_requirements(texts, changes, chosen),
        *plan.list_findings(adoption, files),
        *of_code,
    ]
    are_ours = image in files.get("Dockerfile", texts.get("Dockerfile", "")) and bool(made)
    found += _containers(texts, files, are_ours=are_ours, is_spatial=read_settings.is_spatial)
    kept = [] if are_ours else [path for path in ("Dockerfile", *plan.COMPOSE) if path in texts]
    found.sort(key=lambda each: (each.subject, each.line, each.message))
    return Outcome(project, files, list(dict.fromkeys(found)), changes, kept)


def _for_servers(
    project: DjangoProject, sources: Mapping[str, Source], texts: Mapping[str, str]
) -> DjangoProject:
    """The project with the settings of its containers, if wsgi.py names those of developers."""
    if containers.FOR_DEVELOPERS.search(project.settings):
        for module in compose.settings_modules(texts):
            is_there = django_projects.module_path(sources, project.manage, module)
            if is_there and not containers.FOR_DEVELOPERS.search(module):
                return dataclasses.replace(project, settings=module)
    return project


def _begins_alike(text: str, ours: str) -> bool:
    """Whether a Compose file is one of adopt, which its owner may have changed."""
    return text.partition("\n")[0] == ours.partition("\n")[0]


def _texts(root: Path, run: Run) -> dict[str, str]:
    """The files that are not Python, but say how the project is built and run."""
    texts: dict[str, str] = {}
    for path in dict.fromkeys([*run.paths, *OF_THIS_MACHINE]):
        if path in OF_THIS_MACHINE or READ.search(path):
            _add_text(texts, root, path)
    for path in compose.env_files(texts).intersection(run.paths):
        _add_text(texts, root, path)
    return texts


def _add_text(texts: dict[str, str], root: Path, path: str) -> None:
    """Add a file, unless it is not a text."""
    try:
        texts[path] = read(root / path, LARGEST).decode("utf-8-sig")
    except (Unreadable, UnicodeDecodeError, OSError):
        return


def _containers(
    texts: Mapping[str, str], files: Mapping[str, str], *, are_ours: bool, is_spatial: bool
) -> Iterator[Finding]:
    """What to change in the project's own containers, or what the files of adopt do not have."""
    in_containers = {
        path
        for path, text in texts.items()
        if containers.is_dockerfile(path, text) or _is_compose(path, text)
    }
    named = " ".join(texts[path] for path in in_containers)
    for path, text in texts.items():
        if path in in_containers and are_ours:
            yield from _replaced(path, text, files)
        elif containers.is_script(path, text):
            # Other scripts are for servers without containers.
            if PurePosixPath(path).name not in named:
                continue
            if are_ours:
                yield from containers.own_commands(path, text)
            else:
                yield from containers.list_findings(path, text, is_spatial=is_spatial)
        elif path not in files:
            yield from containers.list_findings(path, text, is_spatial=is_spatial)


def _is_compose(path: str, text: str) -> bool:
    return path.endswith((".yml", ".yaml")) and bool(containers.services(text))


def _replaced(path: str, text: str, files: Mapping[str, str]) -> Iterator[Finding]:
    """A file that the new ones replace, and the services and steps that they do not have."""
    lacking = [
        service.name
        for service in containers.services(text)
        if service.text("image")
        and not service.is_built
        and not containers.is_database(service)
        and not compose.COPIED.match(service.text("image"))
    ]
    if lacking:
        problem = f"The new Compose file does not have the services {', '.join(lacking)}."
        yield Finding(WARNING, path, problem, "Copy those that the project needs.", 1)
    elif path not in files and path not in ("Dockerfile", *plan.COMPOSE):
        problem = "The new Dockerfile and Compose file replace this one."
        yield Finding(WARNING, path, problem, "Delete it when they work.", 1)
    steps = containers.build_steps(text) if containers.is_dockerfile(path, text) else []
    new = {each.rest for each in containers.instructions(files.get("Dockerfile", ""))}
    if missing := [step for step in steps if step.rest not in new]:
        listed = "; ".join(f"RUN {step.rest} (line {step.line})" for step in missing)
        problem = f"The old file has steps that the new Dockerfile has not: {listed}."
        fix = "Add them there after COPY . ., if the project needs what they build."
        yield Finding(PROBLEM, path, problem, fix, missing[0].line)


def _code(run: Run, sources: dict[str, Source]) -> tuple[list[Finding], dict[str, Change]]:
    """What ``upgrade`` cannot correct, by the lines of the files as they are, and what it can."""
    unreadable = list(run.findings)
    result = run.result_of(sources)
    left = {(each.subject, each.message) for each in result.findings}
    findings = [
        *unreadable,
        *(each for each in in_code(sources) if (each.subject, each.message) in left),
        *(each for each in result.findings if each.subject.endswith(".html")),
    ]
    return findings, result.changes


def _requirements(
    texts: Mapping[str, str], changes: Mapping[str, Change], chosen: packages.Installation
) -> list[Finding]:
    """The same for the requirements."""
    after = {path: changes[path].after if path in changes else texts[path] for path in texts}
    left = {(each.subject, each.message) for each in packages.list_findings(after, chosen)}
    found = packages.list_findings(texts, chosen)
    return [each for each in found if (each.subject, each.message) in left]


def _check_writable(root: Path, files: Mapping[str, str]) -> None:
    if files and not os.access(root, os.W_OK):
        raise StartupError(
            f"The owner of the project's folder (UID {os.geteuid()}) cannot write to it. Nothing "
            "was written.",
            "Mount the folder without :ro, and make yourself its owner: sudo chown -R $(id -u) .",
        )


def _diff(root: Path, files: Mapping[str, str]) -> Iterator[str]:
    for path, text in files.items():
        if path == ".env":  # each run has new passwords
            continue
        file = root / path
        exists = file.is_file() and not file.is_symlink()
        before = file.read_text(errors="replace").splitlines(keepends=True) if exists else []
        old = in_line(f"a/{path}") if before else "/dev/null"
        yield from difflib.unified_diff(
            [f"{line.rstrip()}\n" for line in before],
            text.splitlines(keepends=True),
            old,
            in_line(f"b/{path}"),
        )


def _report(outcome: Outcome, saved: Mapping[str, str], *, written: bool) -> Iterator[str]:
    project = outcome.project
    yield f"Project: {in_line(project.manage)}, with the settings {project.settings}."
    yield ""
    if outcome.files:
        yield "Written:" if written else "Would be written:"
        for path in outcome.files:
            aside = f" (the old one is now {in_line(saved[path])})" if path in saved else ""
            yield f"  {path}{aside}"
        yield ""
    if outcome.changes:
        yield "upgrade can rewrite:"
        yield from _rewrites(outcome.changes)
        yield ""
    yield from report.lists(outcome.findings)
    places = sum(each.level == PROBLEM for each in outcome.findings)
    verb = "written" if written else "to write"
    yield (
        f"{report.count(len(outcome.files), 'file')} {verb}, "
        f"{report.count(len(outcome.changes), 'file')} that upgrade can rewrite, "
        f"{report.count(places, 'place')} to change by hand."
    )
    if outcome.kept:
        yield (
            f"{', '.join(outcome.kept)} stayed. To write new files in place of these lines, use "
            "--force."
        )


def _rewrites(changes: Mapping[str, Change]) -> Iterator[str]:
    """The files, but only the number of those where only names are out of date."""
    names = [path for path, change in changes.items() if change.done == [RENAMED]]
    for path, change in changes.items():
        if path not in names:
            yield f"  {in_line(path)}"
            yield from (f"    {each}" for each in change.done)
    if names:
        yield f"  {report.count(len(names), 'file')}: {RENAMED}"


if __name__ == "__main__":
    with explained():
        sys.exit(main())
