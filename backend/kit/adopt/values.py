"""Evaluates the paths in settings, as far as they are known without running anything."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.kit.upgrade.source import Source, assignments, constant, of_module

DEEPEST = 20  # nested names; deeper ones refer to themselves
PATHS = {"pathlib.Path", "pathlib.PurePath", "str", "os.fspath"}
SAME = {"os.path.abspath", "os.path.realpath", "os.path.normpath"}


@dataclass
class Names:
    """The values of a settings module, with those of the modules that it imports with a star.

    ``root`` is the folder of the repository in the image.
    """

    root: str
    values: dict[str, tuple[Source, ast.expr]] = field(default_factory=dict)
    functions: dict[str, tuple[Source, ast.FunctionDef]] = field(default_factory=dict)

    def read(self, source: Source) -> None:
        """Add the names of a module, which replace those that are there."""
        for name, assignment in assignments(of_module(source.tree.body)):
            self.values[name] = (source, assignment.value)
        for node in source.tree.body:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = (source, node)

    def path(self, name: str) -> str | None:
        """The value of a setting if it is a string or path, or None if it is not known."""
        if name not in self.values:
            return None
        source, value = self.values[name]
        return self.evaluate(source, value, {}, DEEPEST)

    def evaluate(
        self, source: Source, node: ast.expr, local: Mapping[str, list[str]], depth: int
    ) -> str | None:
        """The text of an expression."""
        if depth == 0:
            return None
        inner = depth - 1
        match node:
            case ast.Constant(value=str() as known):
                return known
            case ast.Name(id="__file__"):
                return posixpath.join(self.root, source.path)
            case ast.Name(id=name) if name in self.values:
                where, value = self.values[name]
                return self.evaluate(where, value, {}, inner)
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                parts = [self.evaluate(source, side, local, inner) for side in (left, right)]
                return _joined(parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                parts = [self.evaluate(source, side, local, inner) for side in (left, right)]
                return None if None in parts else "".join(map(str, parts))
            case ast.Attribute(value=value, attr="parent"):
                return _parent(self.evaluate(source, value, local, inner))
            case ast.Subscript(
                value=ast.Attribute(value=value, attr="parents"),
                slice=ast.Constant(value=int() as number),
            ):
                text: str | None = self.evaluate(source, value, local, inner)
                for _ in range(number + 1):
                    text = _parent(text)
                return text
            case ast.Call():
                return self._call(source, node, local, inner)
        return None

    def _call(
        self, source: Source, call: ast.Call, local: Mapping[str, list[str]], depth: int
    ) -> str | None:
        name = source.dotted(call.func)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("resolve", "absolute"):
            return self.evaluate(source, call.func.value, local, depth)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "joinpath":
            return _joined(self._arguments(source, [call.func.value, *call.args], local, depth))
        parts = self._arguments(source, call.args, local, depth)
        if name in PATHS | SAME and parts:
            text = _joined(parts)
            return posixpath.normpath(text) if text and name in SAME else text
        if name == "os.path.join":
            return _joined(parts)
        if name == "os.path.dirname" and parts:
            return _parent(parts[0])
        if name in self.functions and None not in parts:
            return self._own_function(name, [str(part) for part in parts], depth)
        return None

    def _arguments(
        self,
        source: Source,
        arguments: list[ast.expr],
        local: Mapping[str, list[str]],
        depth: int,
    ) -> list[str | None]:
        parts: list[str | None] = []
        for each in arguments:
            if isinstance(each, ast.Starred) and isinstance(each.value, ast.Name):
                parts += local.get(each.value.id, [])
            elif isinstance(each, ast.Name) and each.id in local:
                parts += local[each.id]
            else:
                parts.append(self.evaluate(source, each, local, depth))
        return parts

    def _own_function(self, name: str, given: list[str], depth: int) -> str | None:
        """A function of the settings with only a return, such as ``def root(*x)``."""
        source, function = self.functions[name]
        body = [node for node in function.body if constant(getattr(node, "value", None)) is None]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return None
        names = [each.arg for each in function.args.args]
        local = {each: [text] for each, text in zip(names, given, strict=False)}
        if function.args.vararg:
            local[function.args.vararg.arg] = given[len(names) :]
        return self.evaluate(source, body[0].value, local, depth)


def _parent(text: str | None) -> str | None:
    return posixpath.dirname(text) if text else None


def _joined(parts: list[str | None]) -> str | None:
    if not parts or None in parts:
        return None
    return posixpath.normpath(posixpath.join(*map(str, parts)))
