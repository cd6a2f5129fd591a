"""How a project says which packages it needs, and how its Dockerfile installs them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from backend.conf import image_packages
from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.kit.adopt import containers
from backend.kit.upgrade.rules import advice, requirements

# Of several files, the first that exists is for servers.
FOR_SERVERS = (
    "requirements.txt",
    *(f"requirements/{name}.txt" for name in ("production", "prod", "base", "common")),
    *(f"requirements{sign}{name}.txt" for sign in "-_" for name in ("production", "prod", "base")),
    "requirements/requirements.txt",
)
NAMES = (
    *("pyproject.toml", "uv.lock", "poetry.lock", "Pipfile", "Pipfile.lock"),
    *("setup.py", "setup.cfg"),
)
GROUPS = ("production", "prod", "deploy")
FOR_DEVELOPERS = re.compile(r"dev|test|local|doc|lint|ci\b")
INCLUDE = re.compile(r"\s*(?:-r|--requirement|-c|--constraint)[ =]*(\S+)")
# The host of a repository: in requirements and uv.lock, Pipfile.lock, and poetry.lock.
GIT = re.compile(
    r"""(?:git\+|\bgit"?\s*[:=]\s*['"]|type = "git"\nurl = ")(?:https|ssh)://(?:\w+@)?([\w.-]+)"""
)
# Later ones lack pkg_resources.
SETUPTOOLS = "'setuptools<81'"
PYTHON_IN = {
    ".python-version": r"^3\.(\d+)",
    "Pipfile": r'^python_version = "3\.(\d+)',
    "pyproject.toml": r'^(?:requires-)?python = "[^"\d]*3\.(\d+)',
    "runtime.txt": r"^python-3\.(\d+)",
}
# Options of uv and Poetry.
EXTRAS = re.compile(r"--all-extras\b|--extras?[ =][\w-]+")
EDITABLE = re.compile(r"\s*(?:-e|--editable)\s+\.|\s*\.\s*$")
# The programs that export, in the versions whose options are used here.
UV, PIPENV = "'uv<1'", "'pipenv>=2024'"
POETRY, POETRY_EXPORT = "'poetry>=2,<3'", "'poetry-plugin-export<2'"
# Their advice in `upgrade` is for a project that uses the image's settings.
NOT_DEAD = {"psycopg"}
NEEDS_COMPILER = {
    "mysqlclient": "Move to PostgreSQL, whose driver the image has.",
}
OF_HEROKU = {"django-heroku", "django-on-heroku"}


@dataclass(frozen=True)
class Installation:
    """What the Dockerfile does. ``export`` writes requirements from a lock file to all.txt.

    ``tools`` are the packages with the program that exports. ``files`` are copied before the code,
    which a project installs itself from with ``is_editable``.
    """

    files: tuple[str, ...] = ()
    requirements: str = ""
    tools: str = ""
    export: str = ""
    is_editable: bool = False
    # Whether packages come from GitHub, or from other places with git.
    is_from_github: bool = False
    is_from_git: bool = False
    # Whether the export has the versions of a lock, which uv can change where they do not fit.
    is_locked: bool = False
    # A package that came with the project's Python.
    more: str = ""
    # Expressions of sed that correct exported packages of a lock which do not run on the image.
    edits: tuple[str, ...] = ()

    @property
    def folders(self) -> list[tuple[str, list[str]]]:
        """The files to copy, by folder."""
        by_folder: dict[str, list[str]] = {}
        for file in self.files:
            by_folder.setdefault(str(PurePosixPath(file).parent), []).append(file)
        return [
            ("./" if folder == "." else f"./{folder}/", names)
            for folder, names in sorted(by_folder.items())
        ]


def installation(texts: Mapping[str, str], folders: Sequence[str]) -> Installation:
    """How to install the packages. ``texts`` are the project's files, by path.

    ``folders`` are where to look, the folder of manage.py first.
    """
    chosen = _installation(texts, folders)
    sources = set(GIT.findall("".join(texts[path] for path in chosen.files)))
    locked = [
        (name, version)
        for path in chosen.files
        if path.endswith(LOCKS)
        for name, version, _ in _packages(texts, path)
        if name not in _of_the_image()
    ]
    if chosen.is_locked:
        locked += [each for path in chosen.files for each in _pinned(texts[path])]
    is_from_git = bool(chosen.export and sources - {"github.com"})
    is_locked = chosen.is_locked or any(path.endswith(LOCKS) for path in chosen.files)
    has_uv = "uv" in re.findall(r"[\w-]+", chosen.tools)
    return replace(
        chosen,
        tools=chosen.tools if has_uv or not is_locked else f"{chosen.tools} {UV}",
        is_locked=is_locked and not is_from_git,  # uv would need git
        more=SETUPTOOLS if chosen != Installation() and came_with_setuptools(texts) else "",
        edits=tuple(edit for each in locked if (edit := _edit(*each))),
        is_from_github="github.com" in sources,
        is_from_git=is_from_git,
    )


def came_with_setuptools(texts: Mapping[str, str]) -> bool:
    """Whether the project is for a Python before 3.12, which came with setuptools.

    Many packages of that time import its pkg_resources, or distutils, without naming it.
    """
    versions = [
        int(minor)
        for path, text in texts.items()
        for pattern in [PYTHON_IN.get(PurePosixPath(path).name)]
        if pattern or containers.is_dockerfile(path, text)
        for minor in re.findall(pattern or r"^FROM \S*\bpython:3\.(\d+)", text, re.MULTILINE)
    ]
    return bool(versions) and min(versions) < 12


def _edit(name: str, version: str) -> str:
    """The expression of sed that corrects a package, or empty if it can stay."""
    spelled = name.replace("-", "[-_.]")
    if name == "psycopg2":
        return ""  # left out in any case
    if name in advice.REPLACED:
        return f"/^{spelled}([^A-Za-z0-9._-]|$)/Id"
    if other := advice.WITHOUT_COMPILER.get(name):
        return f"s/^{spelled}[^A-Za-z0-9._-][^;]*/{other}=={version} /I"
    if new := requirements.raised(name, f"=={version}"):
        return rf"s/^({spelled}(\[[^]]*\])?)==[^ ;]+/\1{new}/I"
    return ""


def _installation(texts: Mapping[str, str], folders: Sequence[str]) -> Installation:
    for folder in folders:
        prefix = f"{folder}/" if folder else ""
        has = {name: f"{prefix}{name}" for name in NAMES if f"{prefix}{name}" in texts}
        pyproject = _toml(texts.get(has.get("pyproject.toml", ""), ""))
        if "uv.lock" in has and pyproject:
            return _uv(has, pyproject, _extras(texts, "uv"))
        if "poetry" in pyproject.get("tool", {}):
            return _poetry(has, pyproject, _extras(texts, "poetry"))
        if "Pipfile" in has:
            return _pipenv(has)
        if of_dockerfiles := _of_dockerfiles(texts, prefix):
            return _pip(texts, of_dockerfiles)
        found = [name for name in FOR_SERVERS if f"{prefix}{name}" in texts]
        found += sorted(_others(texts, prefix))
        if found:
            return _pip(texts, [f"{prefix}{found[0]}"])
        if pyproject.get("project", {}).get("dependencies"):
            file = has["pyproject.toml"]
            return Installation(
                (file,),
                tools=UV,
                export='uv pip compile --quiet --override "$UV_CONSTRAINT" '
                f"--output-file all.txt {file}",
            )
        if "setup.py" in has or "setup.cfg" in has:
            return Installation(is_editable=True)
    return Installation()


def _others(texts: Mapping[str, str], prefix: str) -> Iterator[str]:
    """Other requirements in a folder, such as reqs.txt, but not those for development."""
    for path in texts:
        name = path.removeprefix(prefix)
        is_near = path.startswith(prefix) and name.count("/") <= 1
        if is_near and requirements.is_requirements(path) and not FOR_DEVELOPERS.search(name):
            yield name


def _of_dockerfiles(texts: Mapping[str, str], prefix: str) -> list[str]:
    """The requirements in a folder that the project's Dockerfiles install."""
    named = {
        PurePosixPath(name).name: None
        for path, text in texts.items()
        if containers.is_dockerfile(path, text)
        for name in containers.requirements_files(text)
    }
    near = [path for path in texts if path.startswith(prefix)]
    found = []
    for name in named:
        same = sorted(
            (p for p in near if PurePosixPath(p).name == name), key=lambda p: p.count("/")
        )
        if same and not FOR_DEVELOPERS.search(name):
            found.append(same[0])
    return found


def _pip(texts: Mapping[str, str], paths: list[str]) -> Installation:
    files: list[str] = []
    for path in paths:
        _included(texts, path, files)
    lines = [line for file in files for line in texts[file].splitlines()]
    is_editable = any(EDITABLE.match(line) for line in lines)
    has_url = any("://" in line for line in lines)  # for which uv could need git
    if any(_pinned("\n".join(lines))) and not is_editable and not has_url:
        return Installation(
            tuple(files),
            tools=UV,
            export="uv pip compile --quiet --no-deps --no-header --no-annotate "
            f'--override "$UV_CONSTRAINT" --output-file all.txt {" ".join(paths)}',
            is_locked=True,
        )
    return Installation(
        tuple(files), requirements=" --requirement ".join(paths), is_editable=is_editable
    )


def _pinned(text: str) -> Iterator[tuple[str, str]]:
    """The packages with an exact version, apart from the image's."""
    for line in text.splitlines():
        requirement = _requirement(line)
        name = requirements.normalized(requirement.name) if requirement else ""
        for each in requirement.specifier if requirement else []:
            if each.operator == "==" and name not in {*_of_the_image(), *advice.REPLACED}:
                yield name, each.version


def _included(texts: Mapping[str, str], path: str, seen: list[str]) -> list[str]:
    """A requirements file with those that it includes."""
    if path not in texts or path in seen:
        return seen
    seen.append(path)
    for line in texts[path].splitlines():
        if match := INCLUDE.match(line):
            joined = PurePosixPath(path).parent / match[1]
            _included(texts, _normal(joined), seen)
    return seen


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _extras(texts: Mapping[str, str], tool: str) -> str:
    """The options for extras with which the project's Dockerfiles install a lock."""
    options: dict[str, None] = {}
    for path, text in texts.items():
        if containers.is_dockerfile(path, text):
            for each in containers.instructions(text):
                for command in re.findall(
                    rf"\b{tool} (?:sync|export|install)\b([^&|;]*)", each.rest
                ):
                    options |= dict.fromkeys(EXTRAS.findall(command))
    return "".join(f" {option}" for option in options)


def _uv(has: Mapping[str, str], pyproject: Mapping[str, Any], extras: str) -> Installation:
    listed = pyproject.get("dependency-groups", {})
    groups = "".join(f" --group {name}" for name in GROUPS if name in listed)
    folder = str(PurePosixPath(has["uv.lock"]).parent)
    return Installation(
        (has["pyproject.toml"], has["uv.lock"]),
        tools=_required("uv", pyproject.get("tool", {}).get("uv", {}).get("required-version"))
        or UV,
        export=f"uv export --quiet --frozen --no-dev{groups}{extras} --no-emit-project --no-hashes "
        f"--project {folder} --output-file all.txt",
    )


def _poetry(has: Mapping[str, str], pyproject: Mapping[str, Any], extras: str) -> Installation:
    poetry = pyproject["tool"]["poetry"]
    listed = poetry.get("group", {})
    groups = "".join(f" --with {name}" for name in GROUPS if name in listed)
    folder = str(PurePosixPath(has["pyproject.toml"]).parent)
    export = f"poetry export{groups}{extras} --without-hashes --directory {folder} > all.txt"
    if "poetry.lock" not in has:
        export = f"poetry lock --directory {folder} && {export}"
    files = [has[name] for name in ("pyproject.toml", "poetry.lock") if name in has]
    tool = _required("poetry", poetry.get("requires-poetry"))
    tools = f"{tool} {POETRY_EXPORT}" if tool else f"{POETRY} {POETRY_EXPORT}"
    return Installation(tuple(files), tools=tools, export=export)


def _required(tool: str, specifier: object) -> str:
    """The requirement of a tool in the version that the project requires, or empty."""
    text = str(specifier or "").strip()
    return f"'{tool}{'' if text[:1] in '<>=~!' else '=='}{text}'" if text else ""


def _pipenv(has: Mapping[str, str]) -> Installation:
    export = "pipenv requirements > all.txt"
    if "Pipfile.lock" not in has:
        export = f"pipenv lock && {export}"
    if has["Pipfile"] != "Pipfile":
        export = f"export PIPENV_PIPFILE={has['Pipfile']} && {export}"
    files = [has[name] for name in ("Pipfile", "Pipfile.lock") if name in has]
    return Installation(tuple(files), tools=PIPENV, export=export)


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


# --- The lines that a person must decide ------------------------------------------------


def list_findings(texts: Mapping[str, str], chosen: Installation) -> Iterator[Finding]:
    """The requirements that conflict with the image's packages, or cannot run on it."""
    is_locked = bool(chosen.export) and any(path.endswith(LOCKS) for path in chosen.files)
    for path in chosen.files:
        if path.endswith(LOCKS):
            yield from _locked(texts, path)
        elif path.endswith(".txt"):
            yield from _written(path, texts[path], is_locked=chosen.is_locked)
        elif not is_locked:
            yield from _declared(path, texts[path])


LOCKS = ("uv.lock", "poetry.lock", "Pipfile.lock")


def _written(path: str, text: str, *, is_locked: bool) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        requirement = _requirement(line)
        if requirement is None:
            continue
        name = requirements.normalized(requirement.name)
        if (
            problem := requirements.conflict(name, requirement.specifier)
        ) and not requirement.extras:
            yield Finding(PROBLEM, path, problem, _raise(name), number)
        elif name in advice.REPLACED and (reason := requirements.in_the_way(line)):
            yield Finding(PROBLEM, path, f"{name}: {reason}.", DELETE, number)
        elif name in OF_HEROKU:
            yield Finding(
                PROBLEM,
                path,
                f"{name} needs psycopg2, which must be compiled, and is not maintained.",
                "Delete it, with its call in the settings.",
                number,
            )
        elif name in NEEDS_COMPILER:
            problem = f"To install {name}, pip needs a compiler, which the image does not include."
            yield Finding(PROBLEM, path, problem, NEEDS_COMPILER[name], number)
    for finding in requirements.list_findings(path, text):
        parsed = _requirement(text.splitlines()[finding.line - 1])
        if is_locked and requirements.TOO_OLD.search(finding.message):
            yield replace(finding, level=WARNING)  # the Dockerfile installs a later version
            continue
        if parsed is None or requirements.normalized(parsed.name) not in NOT_DEAD | set(
            advice.REPLACED
        ):
            yield finding


DELETE = "Delete it."


def _requirement(line: str) -> Requirement | None:
    text = re.split(r"\s#|\\\s*$|\s--hash", line.strip(), maxsplit=1)[0].strip()
    try:
        return Requirement(text) if text and not text.startswith(("#", "-")) else None
    except InvalidRequirement:
        return None


def _of_the_image() -> set[str]:
    """The packages of the image, with those that they need."""
    constraints = image_packages.CONSTRAINTS
    text = constraints.read_text() if constraints.is_file() else ""
    return advice.CARRIED | set(re.findall(r"^[\w.-]+", text, re.MULTILINE))


def _raise(name: str) -> str:
    if name == "django":
        return (
            "Delete the line, or write django>=5.2,<6. The release notes of each version list what "
            "changed: https://docs.djangoproject.com/en/5.2/releases/"
        )
    major = metadata.version(name).partition(".")[0]
    return f"Delete the line, or write {name}>={major}."


def _declared(path: str, text: str) -> Iterator[Finding]:
    """The dependencies in a pyproject.toml without a lock file."""
    for number, line in enumerate(text.splitlines(), 1):
        for quoted in re.findall(r"""["']([A-Za-z0-9][^"']*)["']""", line):
            requirement = _requirement(quoted)
            if requirement and (
                problem := requirements.conflict(
                    requirements.normalized(requirement.name), requirement.specifier
                )
            ):
                fix = _raise(requirements.normalized(requirement.name))
                problem = f"{problem} The Dockerfile keeps the image's version."
                yield Finding(WARNING, path, problem, fix, number)


def _locked(texts: Mapping[str, str], path: str) -> Iterator[Finding]:
    """A lock's packages that the image has, in its version, or that do not run on Python 3.13."""
    others: list[tuple[int, str]] = []
    for name, version, number in _packages(texts, path):
        try:
            specifier = SpecifierSet(f"=={version}")
        except InvalidSpecifier:
            continue
        if requirements.conflict(name, specifier):
            others.append((number, f"{name} {version} (image: {metadata.version(name)})"))
        elif name in {*_of_the_image(), *advice.REPLACED, *advice.WITHOUT_COMPILER}:
            continue  # the Dockerfile leaves it out, or installs another
        elif new := requirements.raised(name, str(specifier)):
            yield Finding(
                WARNING,
                path,
                f"{name} {version} {requirements.too_old(name)}: the Dockerfile installs "
                f"{name}{new}.",
                f"To lock a version that runs: {_update(path, name)}",
                number,
            )
        elif name in NEEDS_COMPILER:
            problem = f"To install {name}, pip needs a compiler, which the image does not include."
            yield Finding(PROBLEM, path, problem, NEEDS_COMPILER[name], number)
    if others:
        yield Finding(
            WARNING,
            path,
            f"The image has other versions, and the Dockerfile keeps them: "
            f"{', '.join(text for _, text in others)}.",
            f"Raise them in {_source_of(path)}, so that your own machine has the same versions.",
            others[0][0],
        )


def _packages(texts: Mapping[str, str], path: str) -> Iterator[tuple[str, str, int]]:
    """Name, version, and line of each package that a lock file has for servers."""
    text = texts[path]
    if path.endswith("Pipfile.lock"):
        try:
            listed = json.loads(text).get("default", {})
        except ValueError:
            return
        for name, package in listed.items():
            line = text[: text.find(f'"{name}":')].count("\n") + 1
            yield (
                requirements.normalized(name),
                str(package.get("version", "")).removeprefix("=="),
                line,
            )
        return
    lock = _toml(text)
    pyproject = _toml(texts.get(str(PurePosixPath(path).with_name("pyproject.toml")), ""))
    names = (
        _of_uv(lock, _extras(texts, "uv"))
        if path.endswith("uv.lock")
        else _of_poetry(lock, pyproject)
    )
    pattern = re.compile(r'^\[\[package\]\]\nname = "(.+)"\nversion = "(.+)"', re.MULTILINE)
    for match in pattern.finditer(text):
        if match[1] in names:
            yield (
                requirements.normalized(match[1]),
                match[2],
                text[: match.start(1)].count("\n") + 1,
            )


def _of_uv(lock: Mapping[str, Any], extras: str) -> set[str]:
    """The packages that the project needs without its groups for development."""
    needs: dict[str, list[str]] = {}
    projects = []
    for package in lock.get("package", []):
        is_project = bool({"virtual", "editable"} & set(package["source"]))
        optional = package.get("optional-dependencies", {})
        lists = [package.get("dependencies", [])]
        lists += [
            listed
            for extra, listed in optional.items()
            if not is_project or "--all-extras" in extras or f"--extra {extra}" in extras
        ]
        lists += [package.get("dev-dependencies", {}).get(group, []) for group in GROUPS]
        needs[package["name"]] = [each["name"] for listed in lists for each in listed]
        if is_project:
            projects.append(package["name"])
    return _reached(projects, needs)


def _of_poetry(lock: Mapping[str, Any], pyproject: Mapping[str, Any]) -> set[str]:
    """The same for Poetry. Its releases from 1.5 to 1.8 do not lock the groups."""
    listed = lock.get("package", [])
    if all("groups" in each or "category" in each for each in listed):
        return {
            each["name"] for each in listed if "main" in each.get("groups", [each.get("category")])
        }
    needs = {
        requirements.normalized(each["name"]): [
            requirements.normalized(name) for name in each.get("dependencies", {})
        ]
        for each in listed
    }
    poetry = pyproject.get("tool", {}).get("poetry", {})
    needed = _reached(
        [requirements.normalized(name) for name in poetry.get("dependencies", {})], needs
    )
    return {each["name"] for each in listed if requirements.normalized(each["name"]) in needed}


def _reached(waiting: list[str], needs: Mapping[str, list[str]]) -> set[str]:
    """The packages, with all that they need."""
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting = [*waiting, *needs.get(name, [])]
    return reached


def _source_of(lock: str) -> str:
    return "Pipfile" if lock.endswith("Pipfile.lock") else "pyproject.toml"


def _update(lock: str, name: str) -> str:
    if lock.endswith("uv.lock"):
        return f"uv lock --upgrade-package {name}"
    if lock.endswith("poetry.lock"):
        return f"poetry update {name}"
    return f"pipenv upgrade {name}"
