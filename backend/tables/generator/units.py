"""Python source as named units, which a merge compares wherever they are in a file.

A module and a class consist of statements: a class, function, or assignment has a name, an import
its module, and a call its function and first argument. The value of an assignment, and a call,
consist of elements, and an import of names.
"""

from __future__ import annotations

import ast
import io
import tokenize
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

LINE_LENGTH = 100  # as in the ruff.toml of new projects
INDENT = "    "


@dataclass(frozen=True)
class Unit:
    """A statement, or an element of one."""

    key: str
    text: str
    lead: str = ""  # blank lines and comments before it
    line: int = 0
    node: ast.stmt | None = None  # of a statement
    body: Parts | None = None  # of a class
    value: int = -1  # where the list, dictionary, or call in its text begins, or -1

    def equals(self, other: Unit) -> bool:
        """Whether it is the same code. A formatter may have changed one of them."""
        if self.text == other.text:
            return True
        if self.node is None or other.node is None:
            return False
        if _has_comment(self.text) or _has_comment(other.text):
            return False
        return ast.dump(self.node) == ast.dump(other.node)

    def parts(self) -> Parts | None:
        """What it consists of, or None if it can only be replaced as a whole."""
        if self.body:
            return self.body
        if self.node is not None and _has_comment(self.text):
            return None
        if isinstance(self.node, ast.ImportFrom):
            names = tuple(Unit(ast.unparse(each), ast.unparse(each)) for each in self.node.names)
            indent = self.text[: len(self.text) - len(self.text.lstrip())]
            return Parts(f"{indent}from {_module(self.node)} import ", names, "\n")
        return _value(self.text, self.value) if self.value >= 0 else None


@dataclass(frozen=True)
class Parts:
    """What a module, a class, or a value consists of."""

    head: str
    units: tuple[Unit, ...]
    tail: str
    is_block: bool = False  # whether the units are statements

    def text(self, indent: str = "") -> str:
        """The text of a unit with these parts."""
        if self.is_block:
            units = "".join(each.lead + each.text for each in self.units)
            return f"{self.head}{units}{self.tail}"
        line = f"{self.head}{', '.join(_flat(each) for each in self.units)}{self.tail}"
        room = LINE_LENGTH - len(indent) - bool(indent)  # for the comma after an element
        if width(line.rstrip("\n")) <= room and "\n" not in line.rstrip("\n"):
            return line
        # An import gets parentheses.
        head, tail = (f"{self.head}(", ")\n") if self.tail == "\n" else (self.head, self.tail)
        indent = indent or head[: len(head) - len(head.lstrip())]
        deeper = indent + INDENT
        inside = f"{deeper}{', '.join(_flat(each) for each in self.units)}"
        if head.endswith("(") and width(inside) <= LINE_LENGTH and "\n" not in inside:
            return f"{head}\n{inside}\n{indent}{tail}"
        rows = [f"{deeper}{_laid_out(each, deeper)},\n" for each in self.units]
        return f"{head}\n{''.join(rows)}{indent}{tail}"


def module(text: str) -> Parts:
    """The statements of a file with Linux line ends. Raises SyntaxError."""
    lines = _lines(text)
    units, end = _statements(lines, ast.parse(text).body, 0)
    return Parts("", units, "".join(lines[end:]), is_block=True)


def whole(text: str) -> Parts:
    """A file in another language, as one unit."""
    return Parts("", (Unit("", text, line=1),), "", is_block=True)


def wrapped(text: str) -> str:
    """The code of a file whose long statements are on several lines, as formatters write them."""
    parts = module(text)
    return replace(parts, units=_wrapped(parts.units)).text()


def _wrapped(units: Iterable[Unit]) -> tuple[Unit, ...]:
    made = []
    for unit in units:
        if unit.body:
            body = replace(unit.body, units=_wrapped(unit.body.units))
            made.append(replace(unit, text=body.text()))
        elif any(width(line) > LINE_LENGTH for line in unit.text.splitlines()):
            parts = unit.parts()
            made.append(replace(unit, text=parts.text()) if parts else unit)
        else:
            made.append(unit)
    return tuple(made)


def width(text: str) -> int:
    """The columns that a line has in an editor."""
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


def _flat(unit: Unit) -> str:
    """The text of an element on one line."""
    inner = _value(unit.text, unit.value) if unit.value >= 0 and "\n" in unit.text else None
    if inner is None:
        return unit.text
    return f"{inner.head}{', '.join(_flat(each) for each in inner.units)}{inner.tail}"


def _laid_out(unit: Unit, indent: str) -> str:
    inner = _value(unit.text, unit.value) if unit.value >= 0 else None
    return inner.text(indent) if inner else unit.text


def _lines(text: str) -> list[str]:
    """Lines as Python counts them. str.splitlines() also splits at U+2028 and others."""
    return [f"{line}\n" for line in text.removesuffix("\n").split("\n")] if text else []


def _has_comment(text: str) -> bool:
    if "#" not in text:
        return False
    # The text can be indented, which parentheses allow.
    tokens = tokenize.generate_tokens(io.StringIO(f"(\n{text}\n)").readline)
    return any(token.type == tokenize.COMMENT for token in tokens)


def _module(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")


def _statements(
    lines: list[str], body: Iterable[ast.stmt], end: int
) -> tuple[tuple[Unit, ...], int]:
    """The units of a body that begins after line ``end``, and the number of its last line."""
    units: list[Unit] = []
    for node in body:
        decorators = getattr(node, "decorator_list", [])
        start = min(each.lineno for each in (node, *decorators)) - 1
        last = node.end_lineno or node.lineno
        if units and start < end:  # after a semicolon
            text = units[-1].text + "".join(lines[end:last])
            units[-1] = replace(units[-1], text=text, node=None, body=None, value=-1)
        else:
            text = "".join(lines[start:last])
            units.append(
                Unit(
                    key=_key(node, text, is_first=not units),
                    text=text,
                    lead="".join(lines[end:start]),
                    line=start + 1,
                    node=node,
                    body=_body(lines, node, start),
                    value=_value_offset(node, text, start),
                )
            )
        end = max(end, last)
    return tuple(_distinct(units)), end


def _key(node: ast.stmt, text: str, *, is_first: bool) -> str:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.ImportFrom():
            return f"from {_module(node)}"
        case ast.Expr(value=ast.Constant(value=str())) if is_first:
            return "docstring"
        case ast.Expr(value=ast.Call(func=called, args=[ast.Constant() as first, *_])):
            return f"{ast.unparse(called)}({ast.unparse(first)})"
    return " ".join(text.split())


def _body(lines: list[str], node: ast.stmt, start: int) -> Parts | None:
    """The parts of a class whose body is not on its first line."""
    if not isinstance(node, ast.ClassDef):
        return None
    first = node.body[0]
    decorators = getattr(first, "decorator_list", [])
    begin = min(each.lineno for each in (first, *decorators)) - 1
    if begin <= node.lineno - 1:
        return None
    units, _ = _statements(lines, node.body, begin)
    return Parts("".join(lines[start:begin]), units, "", is_block=True)


def _distinct(units: Iterable[Unit]) -> Iterator[Unit]:
    """The units with keys that differ."""
    seen: Counter[str] = Counter()
    for unit in units:
        seen[unit.key] += 1
        count = seen[unit.key]
        yield unit if count == 1 else replace(unit, key=f"{unit.key} #{count}")


def _value_offset(node: ast.stmt, text: str, start: int) -> int:
    """Where the value of a statement begins, if nothing follows it, such as a parenthesis."""
    value = getattr(node, "value", None)
    if not isinstance(value, (ast.List, ast.Dict, ast.Call)):
        return -1
    begin, end = _span(text, value, start)
    return -1 if text[end:].strip() else begin


def _span(text: str, node: ast.expr, above: int = 0) -> tuple[int, int]:
    """The first position of an expression in a text, and the one after it.

    Trees count lines from 1, ``above`` of which are not in the text, and columns in bytes.
    """
    lines = _lines(text)

    def offset(line: int, column: int) -> int:
        before = sum(len(each) for each in lines[:line])
        return before + len(lines[line].encode()[:column].decode())

    first, last = node.lineno - 1 - above, (node.end_lineno or node.lineno) - 1 - above
    return offset(first, node.col_offset), offset(last, node.end_col_offset or 0)


def _value(text: str, begin: int) -> Parts | None:
    """The parts of the list, dictionary, or call that begins there."""
    source = text[begin:].rstrip()
    after = text[begin + len(source) :]
    node = ast.parse(source, mode="eval").body
    match node:
        case ast.List(elts=elements):
            head, tail = "[", "]"
            units = [_element(source, each) for each in elements]
        case ast.Dict(keys=keys, values=values):
            head, tail = "{", "}"
            units = [
                _element(source, value, f"{_source(source, key)}: " if key else "**")
                for key, value in zip(keys, values, strict=True)
            ]
        case ast.Call(func=called, args=arguments, keywords=keywords):
            head, tail = f"{_source(source, called)}(", ")"
            units = [_element(source, each, key=str(i)) for i, each in enumerate(arguments)]
            units += [
                _element(source, each.value, f"{each.arg}=" if each.arg else "**")
                for each in keywords
            ]
        case _:
            return None
    return Parts(text[:begin] + head, tuple(_distinct(units)), tail + after)


def _source(text: str, node: ast.expr) -> str:
    begin, end = _span(text, node)
    return text[begin:end]


def _element(source: str, node: ast.expr, prefix: str = "", key: str = "") -> Unit:
    text = _source(source, node)
    has_parts = isinstance(node, (ast.List, ast.Dict, ast.Call))
    value = len(prefix) if has_parts else -1
    return Unit(key or prefix.rstrip(": =") or text, prefix + text, value=value)
