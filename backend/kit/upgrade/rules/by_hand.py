"""Lists the code in a Python file that only its team can change, by line, with what to do."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator, Mapping

from backend.conf.findings import PROBLEM, Finding
from backend.kit.upgrade.project import DjangoProject
from backend.kit.upgrade.rules import advice, installed, requirements, settings_by_hand
from backend.kit.upgrade.rules.advice import gone
from backend.kit.upgrade.source import (
    Source,
    assignments,
    constant,
    keyword,
    meta,
    of_module,
    walk_with_handlers,
)

Rule = Callable[[Source], Iterator[Finding]]

READERS = {
    *("open", "io.open", "pandas.read_csv", "pandas.read_json", "pandas.read_excel"),
    *("geopandas.read_file", "numpy.load", "numpy.loadtxt"),
}
READING = {"read_text", "read_bytes"}
MOUNTED = "/code/src_files"
OLD_NAMES = {
    "get_filter_class": "get_filterset_class",
    "get_default_base_name": "get_default_basename",
}


def list_findings(source: Source, project: DjangoProject | None = None) -> Iterator[Finding]:
    """All findings in one file. ``project`` is None if it uses the image's settings.

    Raises SyntaxError.
    """
    for rule in RULES if project else [*RULES, *OF_LOCAL_SETTINGS]:
        yield from rule(source)


def gone_names(source: Source) -> Iterator[Finding]:
    """Imports, and attributes of imported names, that no longer exist."""
    for node, handled in walk_with_handlers(source.tree):
        if handled or not isinstance(node, (ast.Import, ast.ImportFrom, ast.Attribute)):
            continue
        for name, for_advice in _names(source, node):
            if name.partition(".")[0] in source.own:
                continue
            for finding in gone(source.path, node.lineno, name, for_advice):
                if isinstance(node, ast.Attribute) or _is_used(source, node):
                    yield finding
                else:
                    fix = "Delete the import: nothing in this file uses it."
                    yield dataclasses.replace(finding, fix=fix)


def _is_used(source: Source, node: ast.Import | ast.ImportFrom) -> bool:
    """Whether the file uses one of the names that a statement imports."""
    names = {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return "*" in names or any(source.uses(name) for name in names)


def _names(
    source: Source, node: ast.Import | ast.ImportFrom | ast.Attribute
) -> Iterator[tuple[str, str]]:
    """The full names that a node needs, each with the name for its advice."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        names = [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*"]
        if installed.exists(node.module) and not _is_dead(node.module):
            yield from ((name, name) for name in names)
        else:  # one finding for a removed module, not one for each of its names
            yield node.module, names[0] if names else node.module
    elif isinstance(node, ast.Attribute) and (root := _root(node)) in source.origins:
        name = source.dotted(node)
        module = name.rpartition(".")[0]
        if root not in source.bound_otherwise and installed.exists(module) and not _is_dead(module):
            yield name, name


def _root(node: ast.expr) -> str:
    """The name at the start of attributes, or empty for other expressions."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_dead(name: str) -> bool:
    return name.partition(".")[0] in advice.DEAD_IMPORTS


def schema_fields(source: Source) -> Iterator[Finding]:
    """Methods of filters that describe parameters for CoreAPI, or have old names."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and node.name == "get_schema_fields":
            yield Finding(
                PROBLEM,
                source.path,
                "REST framework no longer calls get_schema_fields(), so the API documentation does "
                "not include these parameters.",
                advice.PARAMETERS,
                node.lineno,
            )
        elif isinstance(node, ast.FunctionDef) and node.name in OLD_NAMES:
            yield Finding(
                PROBLEM,
                source.path,
                f"Nothing calls {node.name}() anymore.",
                f"Rename it to {OLD_NAMES[node.name]}().",
                node.lineno,
            )


def files_read_at_import(source: Source) -> Iterator[Finding]:
    """Files of the mounted folder that a module reads during its import."""
    if source.path.endswith("setup.py") or source.is_migration:
        return
    values: dict[str, list[ast.expr]] = {}
    for name, statement in assignments(of_module(source.tree.body)):
        values.setdefault(name, []).append(statement.value)
    for node in _at_import(source.tree):
        if isinstance(node, ast.Call) and (path := _read_path(source, node)) is not None:
            parts = list(_with_values(path, values))
            texts = [text for part in parts if isinstance(text := constant(part), str)]
            names = {part.id for part in parts if isinstance(part, ast.Name)}
            if (
                _is_relative(source, path, values)
                or "BASE_DIR" in names
                or any(text.startswith(MOUNTED) for text in texts)
            ):
                yield Finding(
                    PROBLEM,
                    source.path,
                    f"The module reads {source.segment(path)} while it is imported. Without the "
                    "mounted folder, the image can neither start nor collect static files at build "
                    "time.",
                    "Copy the file into the image, next to the module, and read it with "
                    '(Path(__file__).parent / "NAME").read_text(). Or read it inside a function.',
                    node.lineno,
                )


def _with_values(node: ast.expr, values: Mapping[str, list[ast.expr]]) -> Iterator[ast.AST]:
    """A node with all nodes below it, and with the module's values of its names."""
    waiting: list[ast.AST] = [node]
    seen: set[str] = set()
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(ast.iter_child_nodes(part))
        if isinstance(part, ast.Name) and part.id not in seen:
            seen.add(part.id)
            waiting.extend(values.get(part.id, []))


def _is_relative(source: Source, path: ast.expr, values: Mapping[str, list[ast.expr]]) -> bool:
    """Whether a path is a string without a leading /, also as a name or in Path()."""
    for node in [path, *(values.get(path.id, []) if isinstance(path, ast.Name) else [])]:
        text = constant(_unwrapped(source, node))
        if isinstance(text, str) and not text.startswith("/"):
            return True
    return False


def _unwrapped(source: Source, node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Call) and source.dotted(node.func) == "pathlib.Path" and node.args:
        return node.args[0]
    return node


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The code that runs when the module is imported, with its own functions that it calls.

    Code below __main__ is left out.
    """
    functions = {n.name: n for n in of_module(tree.body) if isinstance(n, ast.FunctionDef)}
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "__main__" in {
            constant(each) for each in ast.walk(node.test)
        }:
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = functions.pop(node.func.id, None)
            waiting.extend(called.body if called else [])
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _read_path(source: Source, call: ast.Call) -> ast.expr | None:
    """The path of a call that reads a file."""
    name = source.dotted(call.func)
    if name in READERS and call.args:
        mode = call.args[1] if len(call.args) > 1 else keyword(call, "mode")
        writes = name.endswith("open") and set(str(constant(mode) or "r")) & set("wax")
        return None if writes else call.args[0]
    if isinstance(call.func, ast.Attribute) and call.func.attr in READING:
        return _unwrapped(source, call.func.value)
    return None


def spatial_ref_sys(source: Source) -> Iterator[Finding]:
    """Models and migrations that would create a table of PostGIS itself."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            options = meta(node)
            what, line = f"The model {node.name}", node.lineno
        elif isinstance(node, ast.Call) and source.dotted(node.func).endswith("CreateModel"):
            given = keyword(node, "options")
            if not isinstance(given, ast.Dict):
                continue
            options = {str(constant(k)): v for k, v in zip(given.keys, given.values, strict=True)}
            what, line = f"The migration of {constant(keyword(node, 'name'))}", given.lineno
        else:
            continue
        if constant(options.get("db_table")) == "spatial_ref_sys" and (
            constant(options.get("managed")) is not False
        ):
            yield Finding(
                PROBLEM,
                source.path,
                f"{what} creates spatial_ref_sys, which is a table of PostGIS: the migration fails "
                "with 'relation \"spatial_ref_sys\" already exists'.",
                'Set managed = False in the model\'s Meta and "managed": False in the options '
                "of its migration, or delete both.",
                line,
            )


def leftovers(source: Source) -> Iterator[Finding]:
    """Old code in a form that the rewrites do not handle."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "is_ajax":
            yield Finding(
                PROBLEM,
                source.path,
                "Django no longer has request.is_ajax().",
                'Compare headers.get("x-requested-with") with "XMLHttpRequest".',
                node.lineno,
            )
        elif isinstance(node, ast.ClassDef) and "index_together" in meta(node):
            yield Finding(
                PROBLEM,
                source.path,
                "Django no longer has Meta.index_together.",
                'Write indexes = [models.Index(fields=["a", "b"])].',
                node.lineno,
            )
        elif (
            isinstance(node, ast.Call)
            and not source.is_migration
            and source.dotted(node.func).endswith("models.NullBooleanField")
        ):
            yield Finding(
                PROBLEM,
                source.path,
                "Django no longer has NullBooleanField.",
                "Use BooleanField(null=True, blank=True).",
                node.lineno,
            )
    if "django.conf.urls" in source.stars and len(source.stars) == 1 and source.lacks("url"):
        first = next(n for n in ast.walk(source.tree) if isinstance(n, ast.Name) and n.id == "url")
        yield Finding(
            PROBLEM,
            source.path,
            "Django no longer has django.conf.urls.url.",
            advice.about("django.conf.urls.url"),
            first.lineno,
        )


def requirements_of_setup(source: Source) -> Iterator[Finding]:
    """Pins in setup.py, which break `pip install -e`, as those in requirements.txt do."""
    if not source.path.endswith("setup.py"):
        return
    for call in ast.walk(source.tree):
        listed = keyword(call, "install_requires") if isinstance(call, ast.Call) else None
        for node in listed.elts if isinstance(listed, (ast.List, ast.Tuple)) else []:
            text = constant(node)
            if isinstance(text, str) and (reason := requirements.in_the_way(text)):
                yield Finding(
                    PROBLEM,
                    source.path,
                    f"install_requires contains {text}: {reason}.",
                    "Delete the requirement, or only its version.",
                    node.lineno,
                )


RULES: list[Rule] = [
    *settings_by_hand.RULES,
    gone_names,
    schema_fields,
    spatial_ref_sys,
    leftovers,
    requirements_of_setup,
]
# Only for a project that uses the image's settings, and has its code in a mounted folder.
OF_LOCAL_SETTINGS: list[Rule] = [*settings_by_hand.OF_LOCAL_SETTINGS, files_read_at_import]
