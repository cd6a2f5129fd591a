"""What a Python file has that nobody but its team can change: by line, with what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from backend.upgrade import advice, installed, requirements
from backend.upgrade.findings import Finding
from backend.upgrade.source import Source, assignments, constant, keyword, meta, walk_with_handlers

Rule = Callable[[Source], Iterator[Finding]]

DOTTED_CLASS = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*\.[A-Z]\w*")
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


def list_findings(source: Source) -> list[Finding]:
    """Everything in one file. Raises SyntaxError."""
    found = {finding for rule in RULES for finding in rule(source)}
    return sorted(found)


def gone_names(source: Source) -> Iterator[Finding]:
    """Imports, and attributes of what is imported, that are not there any more."""
    for node, handled in walk_with_handlers(source.tree):
        if handled:
            continue
        for name, for_advice in _names(source, node):
            yield from _gone(source.path, node.lineno, name, for_advice)


def _names(source: Source, node: ast.AST) -> Iterator[tuple[str, str]]:
    """The full names that a node needs, each with the one that advice is looked up for."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        names = [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*"]
        if installed.exists(node.module) and not _is_dead(node.module):
            yield from ((name, name) for name in names)
        else:  # one finding for a module that is gone, not one for each of its names
            yield node.module, names[0] if names else node.module
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = source.origins.get(node.value.id)
        if (
            module
            and node.value.id not in source.bound_otherwise
            and installed.exists(module)
            and not _is_dead(module)
        ):
            yield f"{module}.{node.attr}", f"{module}.{node.attr}"


def _is_dead(name: str) -> bool:
    return name.partition(".")[0] in advice.DEAD_IMPORTS


def _gone(path: str, line: int, name: str, for_advice: str) -> Iterator[Finding]:
    dead = advice.DEAD_IMPORTS.get(name.partition(".")[0])
    if dead or not installed.exists(name):
        fix = advice.about(for_advice) or (
            "Look for its new place in the release notes of its package."
        )
        yield Finding(path, line, f"{dead or f'{name} does not exist any more'}.", fix)


def gone_classes_in_settings(source: Source) -> Iterator[Finding]:
    """Classes that settings name as text."""
    if not source.is_settings:
        return
    for node in ast.walk(source.tree):
        value = constant(node)
        if isinstance(value, str) and DOTTED_CLASS.fullmatch(value):
            yield from _gone(source.path, node.lineno, value, value)


def schema_fields(source: Source) -> Iterator[Finding]:
    """Parameters of a filter, described for CoreAPI."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and node.name == "get_schema_fields":
            yield Finding(
                source.path,
                node.lineno,
                "get_schema_fields() is not called any more: the parameters are missing in the "
                "API's "
                "documentation.",
                advice.PARAMETERS,
            )
        elif isinstance(node, ast.FunctionDef) and node.name in OLD_NAMES:
            yield Finding(
                source.path,
                node.lineno,
                f"{node.name}() is not called any more.",
                f"It is {OLD_NAMES[node.name]}() today.",
            )


def lost_permissions(source: Source) -> Iterator[Finding]:
    """REST_FRAMEWORK replaced as a whole, without a permission."""
    for name, statement in assignments(source.tree.body):
        value = statement.value
        if (
            name == "REST_FRAMEWORK"
            and source.is_settings
            and isinstance(value, ast.Dict)
            and None not in value.keys
            and "DEFAULT_PERMISSION_CLASSES" not in [constant(key) for key in value.keys]
        ):
            yield Finding(
                source.path,
                statement.lineno,
                "REST_FRAMEWORK replaces the image's as a whole, and has no "
                "DEFAULT_PERMISSION_CLASSES: "
                "everybody may write and delete.",
                'Add "DEFAULT_PERMISSION_CLASSES": '
                '["rest_framework.permissions.IsAuthenticatedOrReadOnly"], '
                "or AllowAny where everybody shall.",
            )


def settings(source: Source) -> Iterator[Finding]:
    """Settings that are read no more, and an app that goes on working."""
    if not source.is_settings:
        return
    for name, statement in assignments(source.tree.body):
        if name == "MIDDLEWARE_CLASSES":
            yield Finding(
                source.path, statement.lineno, "MIDDLEWARE_CLASSES is not read any more.",
                "Its name is MIDDLEWARE.",
            )  # fmt: skip
        elif name in ("STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE"):
            yield Finding(
                source.path, statement.lineno, f"{name} is not read any more.",
                'Write STORAGES = {"default": {"BACKEND": ...}, "staticfiles": {"BACKEND": ...}}.',
            )  # fmt: skip
        elif name == "DEBUG" and not _true_or_false(statement.value):
            yield from _unsure_debug(source, statement)
        elif name == "INSTALLED_APPS":
            yield from _health_apps(source, statement)
        elif name in ("STATIC_ROOT", "MEDIA_ROOT"):
            yield from _written_folder(source, name, statement)


def _true_or_false(node: ast.expr) -> bool:
    return isinstance(node, (ast.Compare, ast.BoolOp)) or isinstance(constant(node), bool)


def _unsure_debug(source: Source, statement: ast.Assign) -> Iterator[Finding]:
    if "DEBUG" in {constant(node) for node in ast.walk(statement.value)}:
        yield Finding(
            source.path,
            statement.lineno,
            "DEBUG is read from the environment in a way that may fail, or take the text 'false' "
            "for true.",
            'Delete the line, the image reads DEBUG; or write os.environ.get("DEBUG", '
            '"").lower() == "true".',
        )


def _written_folder(source: Source, name: str, statement: ast.Assign) -> Iterator[Finding]:
    texts = [str(constant(node)) for node in ast.walk(statement.value)]
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    if {"BASE_DIR", "__file__"} & names or any(text.startswith("/code") for text in texts):
        yield Finding(
            source.path,
            statement.lineno,
            f"{name} lies beside the code, where the application may not write: it is not root any "
            "more.",
            "Delete the line: the image writes into /data, for which a volume is made.",
        )


def _health_apps(source: Source, statement: ast.Assign) -> Iterator[Finding]:
    for node in ast.walk(statement.value):
        if constant(node) == "health_check.db":
            yield Finding(
                source.path,
                node.lineno,
                "health_check.db works, and is deprecated; /health/ready of the image asks every "
                "database.",
                "Keep it as long as somebody reads its page. The image keeps the version that "
                "has it.",
                note=True,
            )


def files_read_at_import(source: Source) -> Iterator[Finding]:
    """A file of the mounted folder that must be there for the module to be imported."""
    if source.path.endswith("setup.py") or source.is_migration:
        return
    for node in _at_import(source.tree):
        if isinstance(node, ast.Call) and (path := _read_path(source, node)) is not None:
            texts = [
                str(constant(part)) for part in ast.walk(path) if isinstance(constant(part), str)
            ]
            names = {part.id for part in ast.walk(path) if isinstance(part, ast.Name)}
            relative = isinstance(path, ast.Constant) and not texts[0].startswith("/")
            if relative or "BASE_DIR" in names or any(text.startswith(MOUNTED) for text in texts):
                yield Finding(
                    source.path,
                    node.lineno,
                    f"{source.segment(path)} is read while the module is imported: without the "
                    "mounted "
                    "folder the image does not start, and cannot collect static files in its "
                    "build.",
                    "Put the file beside the module, into the image, and read it with "
                    '(Path(__file__).parent / "NAME").read_text(); or read it in a function.',
                )


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when the module is imported: no bodies of functions, nothing below __main__."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "__main__" in {
            constant(each) for each in ast.walk(node.test)
        }:
            continue
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
        path = call.func.value
        if isinstance(path, ast.Call) and source.dotted(path.func) == "pathlib.Path" and path.args:
            return path.args[0]
        return path
    return None


def spatial_ref_sys(source: Source) -> Iterator[Finding]:
    """A table of PostGIS itself that a model or a migration would make."""
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
                source.path,
                line,
                f"{what} claims spatial_ref_sys, a table of PostGIS: migrating ends with 'relation "
                '"spatial_ref_sys" already exists\'.',
                'Say managed = False in the model\'s Meta, and "managed": False in the options '
                "of its "
                "migration; or delete both.",
            )


def leftovers(source: Source) -> Iterator[Finding]:
    """What would be rewritten in a form that the rewriting does not know."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "is_ajax":
            yield Finding(
                source.path,
                node.lineno,
                "is_ajax() of a request does not exist any more.",
                'Compare headers.get("x-requested-with") with "XMLHttpRequest".',
            )
        elif isinstance(node, ast.ClassDef) and "index_together" in meta(node):
            yield Finding(
                source.path,
                node.lineno,
                "Meta.index_together does not exist any more.",
                'Write indexes = [models.Index(fields=["a", "b"])].',
            )
        elif (
            isinstance(node, ast.Call)
            and not source.is_migration
            and source.dotted(node.func).endswith("models.NullBooleanField")
        ):
            yield Finding(
                source.path,
                node.lineno,
                "NullBooleanField does not exist any more.",
                "It is BooleanField(null=True, blank=True).",
            )


def worker_class(source: Source) -> Iterator[Finding]:
    """gevent in the server's configuration, which the image of 2019 had."""
    if not source.path.endswith("gunicorn_conf.py"):
        return
    for name, statement in assignments(source.tree.body):
        if name == "worker_class" and constant(statement.value) in ("gevent", "eventlet"):
            yield Finding(
                source.path,
                statement.lineno,
                f"{constant(statement.value)} is not in the image, and the server does not start.",
                "Delete the line: the image's workers are threads. Or add the package to your "
                "requirements.",
            )


def requirements_of_setup(source: Source) -> Iterator[Finding]:
    """Pins in setup.py, which stop `pip install -e` as those of requirements.txt do."""
    if not source.path.endswith("setup.py"):
        return
    for call in ast.walk(source.tree):
        listed = keyword(call, "install_requires") if isinstance(call, ast.Call) else None
        for node in listed.elts if isinstance(listed, (ast.List, ast.Tuple)) else []:
            text = constant(node)
            if isinstance(text, str) and (reason := requirements.in_the_way(text)):
                yield Finding(
                    source.path,
                    node.lineno,
                    f"install_requires names {text}: {reason}.",
                    "Delete it, or its version.",
                )


RULES: list[Rule] = [
    gone_names,
    gone_classes_in_settings,
    schema_fields,
    lost_permissions,
    settings,
    files_read_at_import,
    spatial_ref_sys,
    leftovers,
    worker_class,
    requirements_of_setup,
]
