"""What the new Compose file and .env take from the project's own: brokers, caches, and values."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from backend.kit.adopt import containers
from backend.kit.upgrade.rules.containers import mapping_value, scalars

# Servers that need no configuration, and keep nothing that only they have.
COPIED = re.compile(r"(?:[\w.-]+/)*(redis|valkey|rabbitmq|memcached|keydb|dragonfly)(?::|$)")
KEPT = ("image", "command", "environment")
EXAMPLES = re.compile(
    r"(^|/)(\.?env[._-](example|sample|template|dist|default)s?|(example|sample)[._-]?\.?env)$"
)
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
REDIS = "redis:8"
REDIS_URL = re.compile(r"REDIS\w*_UR[LI]$")
BROKER_URL = re.compile(rf"{REDIS_URL.pattern}|BROKER_UR[LI]$")
SETTINGS = "DJANGO_SETTINGS_MODULE"


@dataclass(frozen=True)
class Copy:
    """A service for the new Compose file, as lines of YAML. ``comment`` says where it is from."""

    name: str
    comment: str
    lines: tuple[str, ...]
    volumes: tuple[str, ...] = ()


def copies(texts: Mapping[str, str], variables: Iterable[str]) -> list[Copy]:
    """The brokers and caches of the Compose files, or Redis if a variable is for it."""
    found: dict[str, Copy] = {}
    values = examples(texts)
    for path in containers.compose_files(texts):
        for service in containers.services(texts[path]):
            if service.name not in found and COPIED.match(service.text("image")):
                found[service.name] = _copy(path, service, values)
    is_for = BROKER_URL if not found else REDIS_URL
    named = [name for name in variables if is_for.search(name)]
    if named and not any(_is_redis(each) for each in found.values()):
        found["redis"] = Copy("redis", f"For {named[0]} of your settings.", (f"image: {REDIS}",))
    return list(found.values())


def _is_redis(copy: Copy) -> bool:
    return any(re.match(r"image: .*(redis|valkey|keydb|dragonfly)", line) for line in copy.lines)


def _copy(path: str, service: containers.Service, values: Mapping[str, str]) -> Copy:
    """Only literal values: variables of Compose get those of the project's example of .env."""
    kept = {}
    for key in KEPT:
        if (node := mapping_value(service.node, key)) is not None:
            kept[key] = _plain(node, values)
    volumes = [
        text
        for text in scalars(mapping_value(service.node, "volumes") or yaml.ScalarNode("", ""))
        if re.match(r"\w[\w-]*:/", text)
    ]
    if volumes:
        kept["volumes"] = volumes
    text = yaml.safe_dump(kept, sort_keys=False, width=1000)
    return Copy(
        service.name,
        f"From your {path}.",
        tuple(text.splitlines()),
        tuple(volume.partition(":")[0] for volume in volumes),
    )


def _plain(node: yaml.Node, values: Mapping[str, str]) -> object:
    if isinstance(node, yaml.MappingNode):
        return {str(_plain(key, values)): _plain(each, values) for key, each in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, values) for each in node.value]
    return _filled_in(str(node.value), values)


def _filled_in(text: str, values: Mapping[str, str]) -> str:
    """A text of Compose with the values of its variables, or their defaults."""
    return re.sub(
        r"\$(?:\{(\w+)(?::?-([^}]*))?[^}]*\}|(\w+))",
        lambda match: values.get(match[1] or match[3]) or match[2] or "",
        text,
    )


def examples(texts: Mapping[str, str]) -> dict[str, str]:
    """The values in the project's examples of .env, and in the files of variables in git."""
    values: dict[str, str] = {}
    named = env_files(texts)
    for path, text in texts.items():
        if path in named or EXAMPLES.search(path):
            for name, value in re.findall(
                r"^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*(.*)$", text, re.MULTILINE
            ):
                values.setdefault(name, value.partition(" #")[0].strip().strip("\"'"))
    return values


def env_files(texts: Mapping[str, str]) -> set[str]:
    """The files of variables that Compose files name."""
    return {
        posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        for path in containers.compose_files(texts)
        for service in containers.services(texts[path])
        for name in service.text("env_file").split()
    } - {".env"}


def environment(texts: Mapping[str, str]) -> dict[str, str]:
    """The values that Compose files give to the project's services."""
    values = examples(texts)
    found: dict[str, str] = {}
    for path in containers.compose_files(texts):
        for service in containers.services(texts[path]):
            if containers.is_database(service) or COPIED.match(service.text("image")):
                continue
            for name, value in _pairs(service):
                found.setdefault(name, _filled_in(value, values))
    return found


def _pairs(service: containers.Service) -> Iterator[tuple[str, str]]:
    node = mapping_value(service.node, "environment")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.ScalarNode) and key.value != "<<":
                yield key.value, value.value
    elif isinstance(node, yaml.SequenceNode):
        for text in scalars(node):
            name, equals, value = text.partition("=")
            if equals:
                yield name, value


def known_value(
    texts: Mapping[str, str], services: Iterable[Copy], name: str, *, is_required: bool
) -> str:
    """The value of a variable in the project's own files, or empty without one.

    Without need, only one that names one of the services. A secret is for .env alone.
    """
    if SECRET.search(name):
        return ""
    value = environment(texts).get(name) or examples(texts).get(name, "")
    hosts = "|".join(re.escape(each.name) for each in services)
    if hosts and re.search(rf"(^|[/@,])({hosts})(:\d|/|,|$)", value):
        return value
    redis = next((each.name for each in services if _is_redis(each)), "")
    if redis and BROKER_URL.search(name):
        return f"redis://{redis}:6379/0"
    return value if is_required and "localhost" not in value else ""


def settings_modules(texts: Mapping[str, str]) -> Iterator[str]:
    """The settings that Dockerfiles, Compose files, and the Procfile choose, for servers only."""
    for path, text in texts.items():
        if containers.FOR_DEVELOPERS.search(path):
            continue
        if containers.is_dockerfile(path, text):
            lines = [e.rest for e in containers.instructions(text) if e.word in ("ENV", "ARG")]
        elif PurePosixPath(path).name == "Procfile":
            lines = text.splitlines()
        elif path in containers.compose_files(texts):
            lines = [
                f"{name}={value}" for s in containers.services(text) for name, value in _pairs(s)
            ]
        else:
            continue
        for line in lines:
            yield from re.findall(rf"\b{SETTINGS}[= ]['\"]?([\w.]+)", line)
