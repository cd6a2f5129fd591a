"""How settings connect to the default database: by a URL, by variables, or by fixed values."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backend.kit.adopt.variables import Reader
from backend.kit.upgrade.source import Source, constant, of_module

PARTS = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")
URL = "DATABASE_URL"
LOCAL = {"", "localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Connection:
    """One value of ``DATABASES["default"]``, with its place.

    ``variables`` and ``fixed`` map a part, such as HOST, to a variable or a text. ``url`` is a
    variable.
    """

    path: str
    line: int
    url: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    is_conditional: bool = False
    # The parts whose values are neither.
    unknown: frozenset[str] = frozenset()

    @property
    def is_sqlite(self) -> bool:
        return "sqlite" in self.fixed.get("ENGINE", "") or "spatialite" in self.fixed.get(
            "ENGINE", ""
        )

    @property
    def is_local(self) -> bool:
        """Whether it can only reach a server in its own container, where there is none."""
        known = self.url or self.is_sqlite or "HOST" in {*self.variables, *self.unknown}
        return not known and self.fixed.get("HOST", "") in LOCAL


def connections(reader: Reader, source: Source) -> Iterator[Connection]:
    """The values that a file gives to the default database, in order."""
    top = set(source.tree.body)
    values = _values(source)
    for statement in of_module(source.tree.body):
        for node in _defaults(statement):
            # db_from_env = dj_database_url.config()
            value = values.get(node.id, node) if isinstance(node, ast.Name) else node
            if connection := _connection(reader, source, value, values, statement not in top):
                yield connection


def _values(source: Source) -> dict[str, ast.expr]:
    return {
        statement.targets[0].id: statement.value
        for statement in of_module(source.tree.body)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def _defaults(statement: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        value = statement.value
        if isinstance(target, ast.Name) and target.id == "DATABASES":
            if isinstance(value, ast.Dict):
                for key, each in zip(value.keys, value.values, strict=True):
                    if constant(key) == "default":
                        yield each
        elif _is_default(target):
            yield value
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == "update"
            and _is_default(call.func.value)
            and call.args
        ):
            yield call.args[0]


def _is_default(node: ast.expr) -> bool:
    """Whether it is ``DATABASES["default"]``."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "DATABASES"
        and constant(node.slice) == "default"
    )


def _connection(
    reader: Reader,
    source: Source,
    node: ast.expr,
    values: Mapping[str, ast.expr],
    is_conditional: bool,
) -> Connection | None:
    if isinstance(node, ast.Call):
        url = _url(reader, source, node, values)
        if url:
            return Connection(source.path, node.lineno, url, is_conditional=is_conditional)
        if source.dotted(node.func) != "dict":
            return None
        pairs = [(each.arg, each.value) for each in node.keywords]
    elif isinstance(node, ast.Dict):
        pairs = [(str(constant(k)), v) for k, v in zip(node.keys, node.values, strict=True)]
    else:
        return None
    variables: dict[str, str] = {}
    fixed: dict[str, str] = {}
    unknown: set[str] = set()
    for part, value in pairs:
        if part in PARTS:
            reads = list(reader.reads(source, value))
            if reads:
                variables[part] = reads[0].name
            elif isinstance(text := constant(value), (str, int)):
                fixed[part] = str(text)
            else:
                unknown.add(part)
    return Connection(
        source.path,
        node.lineno,
        variables=variables,
        fixed=fixed,
        is_conditional=is_conditional,
        unknown=frozenset(unknown),
    )


def _url(reader: Reader, source: Source, call: ast.Call, values: Mapping[str, ast.expr]) -> str:
    """The variable with the URL that a call reads, or empty for any other call."""
    reads = list(reader.reads(source, call))
    if any(read.is_url for read in reads):
        return reads[0].name
    dotted = source.dotted(call.func)
    if dotted == "dj_database_url.config":
        named = [each.value for each in call.keywords if each.arg == "env"]
        return str(constant([*call.args, *named, ast.Constant(URL)][0]))
    if dotted != "dj_database_url.parse" or not call.args:
        return ""
    given = call.args[0]
    if isinstance(given, ast.Name) and given.id in values:
        reads = list(reader.reads(source, values[given.id]))
    return reads[0].name if reads else ""
