"""The environment variables that settings read, with or without a default."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.kit.upgrade.source import Source, constant

GETTERS = {"os.environ.get", "os.getenv"}
# django-environ, environs, and python-decouple.
READERS = {"environ.Env", "environ.FileAwareEnv", "environs.Env", "environs.FileAwareEnv"}
READERS |= {"decouple.AutoConfig", "decouple.Config"}
OF_URLS = {"db", "db_url", "dj_db_url"}
NOT_READS = {"read_env", "read_envfile", "prefixed", "seal"}


@dataclass(frozen=True)
class Read:
    """One place that reads a variable. ``default`` is None if there is none, or it is not a text.

    ``is_required`` means that the settings fail without the variable.
    """

    name: str
    node: ast.expr
    is_required: bool
    is_plain: bool  # the text itself, from os.environ
    is_url: bool = False
    default: str | None = None


class Reader:
    """Finds reads in the files of one settings module, which share the names of their readers."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._names: set[str] = set()
        # Functions of the settings that read a variable, and whether they fail without it.
        self._helpers: dict[str, bool] = {}
        self._with_default: set[str] = set()
        for source in sources:
            self._names |= {"config"} if "decouple.config" in source.origins.values() else set()
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                    self._learn(source, node.targets, node.value)
                elif isinstance(node, ast.FunctionDef) and (read := _passed_on(source, node)):
                    self._helpers[node.name] = isinstance(read, ast.Subscript)

    def _learn(self, source: Source, targets: list[ast.expr], call: ast.Call) -> None:
        if source.dotted(call.func) in READERS:
            self._names |= {each.id for each in targets if isinstance(each, ast.Name)}
            # django-environ: Env(DEBUG=(bool, False)).
            self._with_default |= {str(each.arg) for each in call.keywords}

    def reads(self, source: Source, tree: ast.AST) -> Iterator[Read]:
        """The reads below a node."""
        used = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and source.dotted(node.value) == "os.environ":
                name = constant(node.slice)
                if isinstance(node.ctx, ast.Load) and isinstance(name, str):
                    yield Read(name, node, is_required=True, is_plain=True)
            elif isinstance(node, ast.Call) and (read := self._call(source, node, used)):
                yield read

    def _call(self, source: Source, call: ast.Call, used: set[ast.expr]) -> Read | None:
        dotted = source.dotted(call.func)
        is_getter = dotted in GETTERS
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        of_reader = not is_getter and self._is_reader(source, call.func)
        is_url = of_reader and method in OF_URLS
        first = call.args[0] if call.args else ast.Constant("DATABASE_URL" if is_url else None)
        name = constant(first)
        if not isinstance(name, str) or not (is_getter or of_reader or dotted in self._helpers):
            return None
        given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "default")]
        has_default = bool(given) or name in self._with_default
        return Read(
            name,
            call,
            # os.environ.get("A").split() fails without A too.
            is_required=not has_default
            and (call in used if is_getter else self._helpers.get(dotted, True)),
            is_plain=is_getter,
            is_url=is_url,
            default=text if given and isinstance(text := constant(given[0]), str) else None,
        )

    def _is_reader(self, source: Source, node: ast.expr) -> bool:
        """Whether a call reads a variable: ``env("A")``, ``env.str("A")``, ``Env().str("A")``."""
        if isinstance(node, ast.Call):
            return source.dotted(node.func) in READERS
        if isinstance(node, ast.Attribute) and self._is_reader(source, node.value):
            return node.attr not in NOT_READS
        # `from .base import env` has the same last part.
        return source.dotted(node).rpartition(".")[2] in self._names


def _passed_on(source: Source, function: ast.FunctionDef) -> ast.expr | None:
    """Where a function reads the variable that its first argument names, or None."""
    first = function.args.args[0].arg if function.args.args else None
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and source.dotted(node.value) == "os.environ":
            name: ast.expr = node.slice
        elif isinstance(node, ast.Call) and source.dotted(node.func) in GETTERS and node.args:
            name = node.args[0]
        else:
            continue
        if isinstance(name, ast.Name) and name.id == first:
            return node
    return None
