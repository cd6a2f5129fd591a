"""The stages of a project's Dockerfile that build files without Python, such as style sheets."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from backend.kit.adopt import containers
from backend.kit.adopt.containers import Instruction

FROM = re.compile(r"(?P<image>(?:--platform=\S+\s+)?\S+)(?:\s+as\s+(?P<name>\S+))?", re.IGNORECASE)
COPIES_FROM = re.compile(r"--from=(?P<stage>\S+)")
MKDIR = re.compile(r"\bmkdir\s+(?:-\S+\s+)*([^&|;]+)")
OPTION = re.compile(r"--[a-z-]+(=\S+)?")


@dataclass
class Stage:
    """A stage, with its lines as they are."""

    name: str
    image: str
    lines: list[str]
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def is_python(self) -> bool:
        return bool(re.search(r"\bpython\b|django", self.image))


@dataclass(frozen=True)
class Kept:
    """What the new Dockerfile keeps of an old one.

    ``arguments`` are those of the names of images, ``text`` is that of the stages, and ``copies``
    are the copies from them.
    """

    arguments: tuple[str, ...] = ()
    text: str = ""
    copies: tuple[str, ...] = ()
    path: str = ""


def kept(texts: Mapping[str, str], paths: Collection[str], root: str) -> Kept:
    """The stages of the first Dockerfile that has some which fit. ``root`` is the new folder."""
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        is_for_servers = not containers.FOR_DEVELOPERS.search(path)
        if not is_for_servers or not containers.is_dockerfile(path, texts[path]):
            continue
        if found := _kept(path, texts[path], paths, root):
            return found
    return Kept()


def _kept(path: str, text: str, paths: Collection[str], root: str) -> Kept | None:
    before, stages = _stages(text)
    others = {each.name: each for each in stages if each.name and not each.is_python}
    copies = []
    used: list[Stage] = []
    for stage in stages:
        if stage.is_python or stage is stages[-1]:
            for name, source, target in _copies(stage, root):
                if name in others:
                    copies.append(f"COPY --from={name} {source} {target}")
                    used += [others[name]] if others[name] not in used else []
    if not used or not all(_fits(stage, others, paths) for stage in used):
        return None
    images = " ".join(stage.image for stage in used)
    return Kept(
        tuple(each for each in before if re.search(rf"\$\{{?{_name(each)}\b", images)),
        "\n\n".join("\n".join(stage.lines) for stage in used),
        tuple(dict.fromkeys(copies)),
        path,
    )


def _name(argument: str) -> str:
    """The name that an instruction ARG defines."""
    return argument.split()[1].partition("=")[0]


def _stages(text: str) -> tuple[list[str], list[Stage]]:
    """The arguments before the first stage, and the stages."""
    lines = text.splitlines()
    listed = list(containers.instructions(text))
    starts = [each for each in listed if each.word == "FROM"]
    before = [
        lines[each.line - 1] for each in listed if each.word == "ARG" and each.line < starts[0].line
    ]
    stages = []
    for number, start in enumerate(starts):
        end = starts[number + 1].line - 1 if number + 1 < len(starts) else len(lines)
        match = FROM.match(start.rest)
        assert match is not None
        own = lines[start.line - 1 : end]
        while own and re.fullmatch(r"\s*(#.*)?", own[-1]):
            own.pop()
        inside = [each for each in listed if start.line <= each.line <= end]
        stages.append(Stage(match["name"] or "", match["image"], own, inside))
    return before, stages


def _copies(stage: Stage, root: str) -> Iterator[tuple[str, str, str]]:
    """The stage, the source, and the new target of each COPY --from."""
    places = _places(stage, root)
    for folder, each in _with_folders(stage):
        words = _words(each)
        if each.word == "COPY" and len(words) == 2 and (match := COPIES_FROM.search(each.rest)):
            target = posixpath.normpath(posixpath.join(folder, words[1]))
            yield match["stage"], words[0], _in_new_image(places, target) or target


def folders(texts: Mapping[str, str], root: str) -> list[str]:
    """The folders that Dockerfiles create in the project's code, where the application writes."""
    found: dict[str, None] = {}
    for path, text in texts.items():
        if containers.FOR_DEVELOPERS.search(path) or not containers.is_dockerfile(path, text):
            continue
        for stage in _stages(text)[1]:
            places = _places(stage, root)
            for folder, each in _with_folders(stage):
                for created in MKDIR.findall(each.rest) if each.word == "RUN" else []:
                    for name in created.split():
                        new = _in_new_image(places, posixpath.join(folder, name))
                        if new and new.startswith(f"{root}/") and "$" not in new:
                            found[new] = None
    return list(found)


def _words(instruction: Instruction) -> list[str]:
    return [word for word in instruction.rest.split() if not OPTION.fullmatch(word)]


def _with_folders(stage: Stage) -> Iterator[tuple[str, Instruction]]:
    """The instructions, each with the working directory."""
    folder = "/"
    for each in stage.instructions:
        if each.word == "WORKDIR":
            folder = posixpath.join(folder, each.rest.strip("\"'"))
        yield folder, each


def _places(stage: Stage, root: str) -> dict[str, str]:
    """The folders of the project's own files, with their places in the new image."""
    places = {}
    for folder, each in _with_folders(stage):
        words = _words(each)
        if each.word not in ("COPY", "ADD") or len(words) != 2 or "--from=" in each.rest:
            continue
        if words[0].endswith("/") or "." not in posixpath.basename(words[0].rstrip("./")):
            target = posixpath.normpath(posixpath.join(folder, words[1]))
            places[target] = posixpath.normpath(posixpath.join(root, words[0]))
    return places


def _in_new_image(places: Mapping[str, str], path: str) -> str:
    """Where a path of the old image is in the new one, or empty if it is not in the code."""
    above = [each for each in places if f"{path}/".startswith(f"{each.rstrip('/')}/")]
    if not above:
        return ""
    old = max(above, key=len)
    return posixpath.normpath(posixpath.join(places[old], posixpath.relpath(path, old)))


def _fits(stage: Stage, others: Mapping[str, Stage], paths: Collection[str]) -> bool:
    """Whether everything that a stage copies is in the repository."""
    if stage.image in others:
        return False
    for each in stage.instructions:
        if each.word not in ("COPY", "ADD"):
            continue
        if COPIES_FROM.search(each.rest):
            return False
        for source in _words(each)[:-1]:
            name = posixpath.normpath(source).lstrip("/")
            if (
                "*" not in name
                and name != "."
                and not any(path == name or path.startswith(f"{name}/") for path in paths)
            ):
                return False
    return True
