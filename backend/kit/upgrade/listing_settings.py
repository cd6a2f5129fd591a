"""What the files of local_settings have that only their team can change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backend.conf.environment import TRUE
from backend.kit.upgrade.findings import Finding, gone
from backend.kit.upgrade.source import Assignment, Source, assignments, constant, of_module

DOTTED_CLASS = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*\.[A-Z]\w*")


def gone_classes_in_settings(source: Source) -> Iterator[Finding]:
    """Classes that settings name as text."""
    if not source.is_settings:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if DOTTED_CLASS.fullmatch(node.value):
            yield from gone(source.path, node.lineno, node.value, node.value)


def lost_permissions(source: Source) -> Iterator[Finding]:
    """REST_FRAMEWORK replaced as a whole, without a permission."""
    for name, statement in assignments(of_module(source.tree.body)):
        keys = _all_keys(statement.value)
        if (
            name == "REST_FRAMEWORK"
            and source.is_settings
            and keys is not None
            and "DEFAULT_PERMISSION_CLASSES" not in keys
        ):
            yield Finding(
                source.path,
                statement.lineno,
                "REST_FRAMEWORK replaces the image's as a whole, and has no "
                "DEFAULT_PERMISSION_CLASSES: everybody may write and delete.",
                'Add "DEFAULT_PERMISSION_CLASSES": '
                '["rest_framework.permissions.IsAuthenticatedOrReadOnly"], '
                "or AllowAny where everybody shall.",
            )


def _all_keys(value: ast.expr | None) -> list[object] | None:
    """The keys of a dict that stands there whole; None for one that extends another."""
    if isinstance(value, ast.Dict) and None not in value.keys:
        return [constant(key) for key in value.keys]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        names: list[object] = [each.arg for each in value.keywords]
        if not value.args and None not in names:
            return names
    return None


def settings(source: Source) -> Iterator[Finding]:
    """Settings that are read no more, and an app that goes on working."""
    if not source.is_settings:
        return
    for name, statement in assignments(of_module(source.tree.body)):
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
    if isinstance(node, ast.BoolOp):  # its value is that of one of its parts
        return all(_true_or_false(part) for part in node.values)
    return isinstance(node, ast.Compare) or isinstance(constant(node), bool)


def _unsure_debug(source: Source, statement: Assignment) -> Iterator[Finding]:
    if "DEBUG" in {constant(node) for node in ast.walk(statement.value)}:
        yield Finding(
            source.path,
            statement.lineno,
            "DEBUG is read from the environment in a way that may fail, or take the text "
            "'false' for true.",
            f"Delete the line: the image reads DEBUG, and takes {', '.join(TRUE)} for true.",
        )


def _written_folder(source: Source, name: str, statement: Assignment) -> Iterator[Finding]:
    texts = [str(constant(node)) for node in ast.walk(statement.value)]
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    if {"BASE_DIR", "__file__"} & names or any(text.startswith("/code") for text in texts):
        yield Finding(
            source.path,
            statement.lineno,
            f"{name} lies beside the code, where the application may not write: it is not root "
            "any more.",
            "Delete the line: the image writes into /data, for which a volume is made.",
        )


def _health_apps(source: Source, statement: Assignment) -> Iterator[Finding]:
    for node in ast.walk(statement.value):
        if isinstance(node, ast.Constant) and node.value == "health_check.db":
            yield Finding(
                source.path,
                node.lineno,
                "health_check.db works, and is deprecated; /health/ready of the image asks "
                "every database.",
                "Keep it as long as somebody reads its page. The image keeps the version that "
                "has it.",
                note=True,
            )


def worker_class(source: Source) -> Iterator[Finding]:
    """gevent in the server's configuration, which the image of 2019 had."""
    if not source.path.endswith("gunicorn_conf.py"):
        return
    for name, statement in assignments(of_module(source.tree.body)):
        if name == "worker_class" and constant(statement.value) in ("gevent", "eventlet"):
            yield Finding(
                source.path,
                statement.lineno,
                f"{constant(statement.value)} is not in the image, and the server does not start.",
                "Delete the line: the image's workers are threads. Or add the package to your "
                "requirements.",
            )


RULES = [gone_classes_in_settings, lost_permissions, settings, worker_class]
