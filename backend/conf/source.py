"""Finds the statements in a Python file that give a name its value."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from backend.conf.errors import PACKAGE


@dataclass(frozen=True)
class Binding:
    """A statement that gives a name its value, or changes it."""

    line: int
    extends: bool  # the new value depends on the old one
    certain: bool  # the statement is not in a branch
    expressions: tuple[ast.expr, ...] = ()  # the value, and the conditions of its branches
    module: str = ""  # for an import, the module, with leading dots
    imported: str = ""  # for an import, the name in that module, or "*"

    def contradicts(self, value: object) -> bool:
        """Whether the statement is in a branch that did not run, because its value is different."""
        if self.certain or self.extends or self.module or not self.expressions:
            return False
        try:
            literal: object = ast.literal_eval(self.expressions[0])
            return literal != value
        except ValueError:
            return False


@cache
def bindings(file: Path) -> dict[str, list[Binding]]:
    """The bindings of each name at the file's top level, in order. Star imports are under ``*``."""
    bindings_by_name: dict[str, list[Binding]] = {}
    for statement, tests, certain in _statements(ast.parse(file.read_bytes()).body):
        for name, binding in _bound(statement, tests, certain):
            bindings_by_name.setdefault(name, []).append(binding)
    return bindings_by_name


def of(file: Path, name: str) -> list[Binding]:
    """The bindings of ``name`` in ``file``, and all star imports, in the order of the file."""
    both = [*bindings(file).get(name, []), *bindings(file).get("*", [])]
    return sorted(both, key=lambda binding: binding.line)


def place_in(module: ModuleType, name: str, texts: Collection[str] = ()) -> str:
    """File and line of the statement that gives ``name`` its value, also in imported modules.

    Of several, the last one that contains one of the texts, or else the last one. Only the file of
    ``module``, if there is none.
    """
    statements = list(_last_first(module, name, frozenset()))
    matching = (each for each in statements if _has_text(each[1], texts))
    file, binding = next(matching, statements[0] if statements else (module.__file__, None))
    return f"{file}, line {binding.line}" if binding else str(file)


def _last_first(
    module: ModuleType, name: str, seen: frozenset[str]
) -> Iterator[tuple[Path, Binding]]:
    """The statements of a loaded module that can have given the name its value."""
    file = Path(module.__file__ or "")
    if module.__name__ in seen or file.suffix != ".py" or file.is_relative_to(PACKAGE):
        return
    seen |= {module.__name__}
    for binding in reversed(of(file, name)):
        if not binding.module:
            yield file, binding
        else:
            imported = name if binding.imported == "*" else binding.imported
            dotted = importlib.util.resolve_name(binding.module, module.__package__)
            other = sys.modules.get(dotted)
            if other is None or not hasattr(other, imported):
                continue
            yield from _last_first(other, imported, seen)
        if binding.certain and not binding.extends:
            return


def _has_text(binding: Binding, texts: Collection[str]) -> bool:
    nodes = (node for expression in binding.expressions for node in ast.walk(expression))
    return any(isinstance(node, ast.Constant) and node.value in texts for node in nodes)


def names_in(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def read_by_key(expression: ast.expr, *holders: str) -> set[str]:
    """Every X in ``holder["X"]``, ``holder.get("X")``, and ``holder("X")``."""
    keys = set()
    for node in ast.walk(expression):
        match node:
            case ast.Subscript(value=holder, slice=ast.Constant(value=str(key))):
                pass
            case ast.Call(
                func=ast.Attribute(value=holder, attr="get"),
                args=[ast.Constant(value=str(key)), *_],
            ):
                pass
            case ast.Call(func=holder, args=[ast.Constant(value=str(key)), *_]):
                pass
            case _:
                continue
        if ast.unparse(holder) in holders:
            keys.add(key)
    return keys


def _statements(
    body: list[ast.stmt], tests: tuple[ast.expr, ...] = (), certain: bool = True
) -> Iterator[tuple[ast.stmt, tuple[ast.expr, ...], bool]]:
    """Every statement at the top level, without the bodies of functions and classes."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield statement, tests, certain
        inner = certain and isinstance(statement, ast.With)
        under = (*tests, statement.test) if isinstance(statement, (ast.If, ast.While)) else tests
        blocks = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
        blocks += [part.body for part in getattr(statement, "handlers", [])]
        blocks += [part.body for part in getattr(statement, "cases", [])]
        for block in blocks:
            yield from _statements(block, under, inner)


def _bound(
    statement: ast.stmt, tests: tuple[ast.expr, ...], certain: bool
) -> Iterator[tuple[str, Binding]]:
    def binding(extends: bool, *values: ast.expr, **more: str) -> Binding:
        return Binding(statement.lineno, extends, certain, (*values, *tests), **more)

    match statement:
        case ast.Assign(targets=targets, value=value):
            yield from _assigned(targets, value, binding)
        case ast.AnnAssign(target=target, value=value) if value is not None:
            yield from _assigned([target], value, binding)
        case ast.AugAssign(target=target, value=value):
            yield _root(target), binding(True, value)
        case ast.Delete(targets=targets):
            for target in targets:
                yield _root(target), binding(True)
        case ast.ImportFrom(module=module, names=names, level=level):
            source = "." * level + (module or "")
            for alias in names:
                bound = alias.asname or alias.name
                yield bound, binding(False, module=source, imported=alias.name)
        case ast.For(target=target, iter=values):
            # for database in DATABASES.values(): database[...] = ...
            for name in names_in(values):
                yield name, binding(True)
            for name in names_in(target):
                yield name, binding(False)
        case ast.Expr(value=ast.Call() as call):
            for name in _changed_by(call):
                yield name, binding(True, call)


def _assigned(
    targets: list[ast.expr], value: ast.expr, binding: Callable[..., Binding]
) -> Iterator[tuple[str, Binding]]:
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            if len(parts) == len(target.elts):
                for one, part in zip(target.elts, parts, strict=True):
                    yield from _assigned([one], part, binding)
            else:
                # It is unknown which part of the value each name gets, so the value is ignored.
                names = set().union(*map(names_in, target.elts))
                yield from ((name, binding(False)) for name in sorted(names))
        elif isinstance(target, ast.Name):
            yield target.id, binding(target.id in names_in(value), value)
        else:
            yield _root(target), binding(True, value)


def _root(target: ast.expr) -> str:
    """X in X["default"].options[0], or empty if it does not begin with a name."""
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _changed_by(call: ast.Call) -> set[str]:
    """The names whose values a call can change: X in X.append(...) and in add(X)."""
    if isinstance(call.func, ast.Name) and hasattr(builtins, call.func.id):
        return set()
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {_root(call.func), *map(_root, arguments)} - {""}
