"""A Python file as text and syntax tree, and edits that leave the rest of it unchanged."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

# Nodes with a position in the text.
Placed = ast.expr | ast.stmt | ast.alias | ast.keyword


@dataclass(frozen=True)
class Edit:
    """Replaces the characters from ``start`` to ``end`` with ``text``."""

    start: int
    end: int
    text: str


class Source:
    """``path`` is relative to the project, with slashes. Raises SyntaxError with ``tree``.

    ``own`` are the packages that the project has or installs itself, which can have the name of a
    package of the image.
    """

    def __init__(self, path: str, text: str, own: frozenset[str] = frozenset()) -> None:
        self.path = path
        self.text = text
        self.own = own

    @cached_property
    def tree(self) -> ast.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as invalid escapes in strings
            try:
                return ast.parse(self.text)
            except (RecursionError, MemoryError) as error:
                raise SyntaxError("it is nested too deeply") from error

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins. str.splitlines would split at more characters than Python."""
        return [0, *(end.end() for end in re.finditer(r"\r\n|\r|\n", self.text))]

    @property
    def is_migration(self) -> bool:
        return "migrations" in self.path.split("/")[:-1]

    @property
    def is_settings(self) -> bool:
        return bool(re.search(r"(\b|_)settings(\b|_)", self.path))

    @cached_property
    def origins(self) -> dict[str, str]:
        """The full names of imports: ``{"models": "django.contrib.gis.db.models"}``."""
        names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if node.level:  # one of the project's own, which replaces another
                        names.pop(alias.asname or alias.name, None)
                    else:
                        names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name.partition(".")[0]
                    names[alias.asname or root] = alias.name if alias.asname else root
        return names

    @cached_property
    def bound_otherwise(self) -> set[str]:
        """Names that are bound by arguments, assignments, or functions instead of imports."""
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.add(node.name)
        return names

    @cached_property
    def stars(self) -> set[str]:
        """The modules in ``from module import *``, relative ones with their dots."""
        return {
            "." * node.level + (node.module or "")
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        }

    def uses(self, name: str) -> bool:
        """Whether the module reads a name, or exports it."""
        return any(
            (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.Constant) and node.value == name)
            for node in ast.walk(self.tree)
        )

    def lacks(self, name: str) -> bool:
        """Whether the module uses a name without binding it, except perhaps by ``import *``."""
        used = False
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if name in {each.asname or each.name.partition(".")[0] for each in node.names}:
                    return False
            elif isinstance(node, ast.Name) and node.id == name:
                used = used or isinstance(node.ctx, ast.Load)
        bound = {getattr(node, "name", "") for node in of_module(self.tree.body)}
        bound |= {each for each, _ in assignments(of_module(self.tree.body))}
        return used and name not in bound

    def dotted(self, node: ast.expr) -> str:
        """The full name of ``models.CharField`` or ``CharField``, or empty for other nodes."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.origins.get(node.id, node.id), *reversed(parts)])

    def offset(self, line: int, column: int) -> int:
        """The offset of a line from 1 and a column in bytes of UTF-8, as ast counts them."""
        start = self._lines[line - 1]
        end = self._lines[line] if line < len(self._lines) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def start(self, node: Placed) -> int:
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: Placed) -> int:
        # Only None for nodes that do not come from the parser.
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: Placed) -> str:
        return self.text[self.start(node) : self.end(node)]

    def replace(self, node: Placed, text: str) -> Edit:
        return Edit(self.start(node), self.end(node), text)

    def rename(self, node: Placed, old: str, new: str) -> Edit:
        """Rename the name at the start of a node."""
        start = self.start(node)
        return Edit(start, start + len(old), new)

    def without(self, items: Sequence[Placed], number: int) -> Edit:
        """Remove one of several items between commas, with its line if it is alone on one."""
        start, end = self.start(items[number]), self.end(items[number])
        line = self.text.rfind("\n", 0, start) + 1
        after = re.compile(r"[ \t]*,?[ \t]*(#[^\r\n]*)?(\r\n|\r|\n)").match(self.text, end)
        if after and not self.text[line:start].strip():
            return Edit(line, after.end(), "")
        if number + 1 < len(items):
            return Edit(start, self.start(items[number + 1]), "")
        if number:
            return Edit(self.end(items[number - 1]), end, "")
        comma = re.compile(r"[ \t]*,[ \t]*").match(self.text, end)
        return Edit(start, comma.end() if comma else end, "")

    def line_before(self, node: ast.stmt, text: str) -> Edit | None:
        """Add a statement before another, or None if that one does not begin its line."""
        start = self.start(node)
        indent = self.text[self._lines[node.lineno - 1] : start]
        if indent.strip(" \t\ufeff"):
            return None
        return Edit(start, start, f"{text}{self.newline}{indent}")

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def argument(self, call: ast.Call, text: str) -> Edit:
        """Add an argument at the end of a call."""
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if not given:
            end = self.end(call) - 1
            return Edit(end, end, text)
        end = max(self.end(value) for value in given)
        # The parentheses around a value are not part of its node.
        while closing := re.compile(r"\s*\)").match(self.text, end):
            if closing.end() >= self.end(call):
                break
            end = closing.end()
        return Edit(end, end, f", {text}")

    def edited(self, edits: Iterable[Edit]) -> Source:
        text = self.text
        for edit in sorted(set(edits), key=lambda edit: (edit.start, edit.end), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return Source(self.path, text, self.own)


def walk_with_handlers(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether the file handles its ImportError, or only type checkers read it."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, handled = waiting.pop()
        yield node, handled
        for child in ast.iter_child_nodes(node):
            ready = handled
            if isinstance(node, ast.Try) and _handles_import_errors(node):
                ready = handled or child in node.body or child in node.handlers
            elif isinstance(node, ast.If) and _is_type_checking(node.test):
                ready = handled or child in node.body
            waiting.append((child, ready))


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def _handles_import_errors(node: ast.Try) -> bool:
    caught = {
        name.id
        for each in node.handlers
        for name in ast.walk(each.type or ast.Name("Exception", ast.Load()))
        if isinstance(name, ast.Name)
    }
    return bool(caught & {"ImportError", "ModuleNotFoundError", "Exception"})


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument, or None without it."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def constant(node: ast.AST | None) -> object:
    """The value of a literal, or None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


@dataclass(frozen=True)
class Assignment:
    """A statement that gives a name its value."""

    statement: ast.Assign | ast.AnnAssign
    value: ast.expr

    @property
    def lineno(self) -> int:
        return self.statement.lineno


def assignments(body: Iterable[ast.stmt]) -> Iterator[tuple[str, Assignment]]:
    """The statements of the form ``name = value`` or ``name: type = value``."""
    for statement in body:
        target: ast.expr
        if isinstance(statement, ast.Assign):
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value:
            target, value = statement.target, statement.value
        else:
            continue
        if isinstance(target, ast.Name):
            yield target.id, Assignment(statement, value)


def of_module(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that bind names of a module, also those inside if, try, with, and so on."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        inner = [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
        for part in inner:
            for name in ("body", "orelse", "finalbody"):
                yield from of_module(getattr(part, name, []))


def meta(model: ast.ClassDef) -> dict[str, ast.expr]:
    """The options of the inner class Meta."""
    for statement in model.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Meta":
            return {name: assignment.value for name, assignment in assignments(statement.body)}
    return {}
