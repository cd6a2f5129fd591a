"""Comments out the image's packages in requirements*.txt, and raises those that cannot run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import PurePosixPath

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from backend.conf.findings import PROBLEM, Finding
from backend.kit.upgrade.rules import advice

# The part of PEP 508 that people write by hand: a name, extras, and a specifier.
REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[^\]]*\])?\s*(?P<specifier>[^#;\\]*)"
)
PIN = re.compile(r"(?:==|<=|~=|<)\s*(\d+(?:\.\d+)*)")

TOO_OLD = re.compile(r"does not run (with Django|on Python)")
NO_COMPILER = "building it needs a compiler"
SETUPTOOLS_IN = {
    "Dockerfile": r"RUN pip install .*\bsetuptools\b",
    "Pipfile.lock": r'"setuptools":',
    "poetry.lock": r'name = "setuptools"',
    "uv.lock": r'name = "setuptools"',
}


def is_requirements(path: str) -> bool:
    name, folder = PurePosixPath(path).name, PurePosixPath(path).parent.name
    return path.endswith(".txt") and ("requirements" in name or folder == "requirements")


def too_old(name: str) -> str:
    """Why a version of a package is too old."""
    if name in advice.FIRST_FOR_DJANGO:
        return "does not run with Django 5.2"
    return "does not run on Python 3.13, or has no build for it"


def installs_setuptools(path: str, read: Callable[[str], str | None]) -> bool:
    """Whether a file of requirements or a lock names setuptools, which brings distutils back."""
    pattern = SETUPTOOLS_IN.get(PurePosixPath(path).name)
    if pattern is None and is_requirements(path):
        pattern = r"setuptools\b"
    return bool(pattern and re.search(rf"^\s*{pattern}", read(path) or "", re.MULTILINE))


def rewrite(text: str) -> tuple[str, list[str]]:
    """The new text, and a description of the changes."""
    lines, done, reason = text.splitlines(keepends=True), [], ""
    for number, line in enumerate(lines):
        continues = reason and number and lines[number - 1].rstrip().endswith("\\")
        if not continues:
            reason = "" if _extras(line) else in_the_way(line)
            if reason:
                done.append(f"{line.strip()}: {reason}")
                body = line.rstrip("\r\n")
                more = "" if body.endswith("\\") else f"  # {reason}"
                lines[number] = f"# {body.rstrip()}{more}{line[len(body) :]}"
            elif changed := _with_other_version(line):
                lines[number], why = changed
                done.append(f"{line.strip()}: {why}")
        elif reason:
            lines[number] = f"# {line}"
    return "".join(lines), done


def _with_other_version(line: str) -> tuple[str, str] | None:
    """A line with a version that can be installed, and why, or None if the line can stay.

    Hashes are those of a version, so a line with hashes stays.
    """
    match = REQUIREMENT.match(line)
    if match is None or line.rstrip().endswith("\\") or "--hash" in line:
        return None
    name, specifier = _parse(line)
    if other := advice.WITHOUT_COMPILER.get(name):
        start, end = match.span("name")
        return f"{line[:start]}{other}{line[end:]}", f"{NO_COMPILER}, so it becomes {other}"
    if name == "psycopg" and re.search(r"\bc\b", match["extras"] or ""):
        start, end = match.span("extras")
        extras = re.sub(r"\bc\b", "binary", match["extras"])
        return f"{line[:start]}{extras}{line[end:]}", f"{NO_COMPILER}, so it becomes {extras}"
    if _extras(line) and in_the_way(line):
        new, why = "", "the image has it in its own version, and pip adds the extras"
    elif new := raised(name, specifier):
        why = f"it {too_old(name)}, so it becomes {name}{new}"
    else:
        return None
    start, end = match.span("specifier")
    end = start + len(match["specifier"].rstrip())
    return f"{line[:start]}{new}{line[end:]}", why


def raised(name: str, specifier: str) -> str:
    """The first version that runs, in its major version, or empty if a pinned one can run."""
    first = (advice.FIRST_FOR_PYTHON | advice.FIRST_FOR_DJANGO).get(name)
    pin = PIN.search(specifier)
    if not first or not pin or _number(pin[1]) >= _number(first):
        return ""
    return f">={first},<{int(first.partition('.')[0]) + 1}"


def in_the_way(line: str) -> str:
    """Why a requirement cannot stay as it is, or empty if it can."""
    name, specifier = _parse(line)
    if name in advice.REPLACED and not _is_installed(name, specifier):
        return advice.REPLACED[name]
    try:
        problem = conflict(name, SpecifierSet(specifier))
    except InvalidSpecifier:  # such as a path or another line of an unknown form
        problem = name if name in advice.CARRIED else ""
    return "the image includes it" if problem else ""


def _is_installed(name: str, specifier: str) -> bool:
    """Whether the image satisfies a requirement, as it can psycopg2 without its code."""
    try:
        return SpecifierSet(specifier).contains(metadata.version(name), prereleases=True)
    except (InvalidSpecifier, metadata.PackageNotFoundError):
        return False


def _parse(line: str) -> tuple[str, str]:
    """The normalized name (PEP 503) and the specifier of a line, or empty for other lines."""
    match = REQUIREMENT.match(line.strip())
    if match is None or "://" in line or line.lstrip().startswith(("-", ".", "/")):
        return "", ""
    return normalized(match["name"]), match["specifier"].partition("--")[0].strip()


def normalized(name: str) -> str:
    """A name in the form that all its spellings share (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def conflict(name: str, specifier: SpecifierSet) -> str:
    """Why pip cannot install what a specifier asks for, or empty if it can."""
    if name not in advice.CARRIED or not str(specifier):
        return ""
    version = metadata.version(name)
    pins = [each.version for each in specifier if each.operator in ("==", "===")]
    if specifier.contains(version, prereleases=True):
        return ""
    # A later version within the same major version can be installed.
    if any(_later(pin, version, name) for pin in pins):
        return ""
    return f"{name}{specifier} conflicts with the image, which has {name} {version}."


def _later(pin: str, version: str, name: str) -> bool:
    try:
        ours, asked = Version(version), Version(pin)
    except InvalidVersion:  # ==5.*
        return False
    same = 2 if name == "django" else 1
    return asked >= ours and asked.release[:same] == ours.release[:same]


def _extras(line: str) -> str:
    """The extras, with brackets, of a package that the image has without them."""
    match = REQUIREMENT.match(line.strip())
    return (match["extras"] or "") if match and _parse(line)[0] in advice.CARRIED else ""


def list_findings(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        name, specifier = _parse(line)
        if line.strip().startswith("#"):
            continue
        if re.search(r"\bgit\+", line):
            yield Finding(
                PROBLEM,
                path,
                "To install this, pip needs git, which the image does not include.",
                "Use a release from PyPI, or the archive of a commit: "
                "https://.../archive/COMMIT.tar.gz",
                number,
            )
        elif (extras := _extras(line)) and in_the_way(line):
            yield Finding(
                PROBLEM,
                path,
                f"{name}{extras} has a version, but the image includes {name} in its own version, "
                "perhaps without these extras.",
                f"If nothing uses {extras}, delete the line. Otherwise, write {name}{extras} "
                "without a version and hashes.",
                number,
            )
        elif name in advice.DEAD:
            yield Finding(
                PROBLEM, path, f"{name} does not belong in the image.", advice.DEAD[name], number
            )
        elif new := raised(name, specifier):
            yield Finding(
                PROBLEM,
                path,
                f"{name}{specifier} {too_old(name)}.",
                f"Write {name}{new}.",
                number,
            )


def _number(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
