"""Lists the code in the files of local_settings that only their team can change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backend.conf.environment import TRUE
from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.kit.upgrade.rules.advice import gone
from backend.kit.upgrade.source import Assignment, Source, assignments, constant, of_module

# But not the name of a check, such as rest_framework.W001.
DOTTED_CLASS = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*\.(?![A-Z]\d{3}$)[A-Z]\w*")


def gone_classes_in_settings(source: Source) -> Iterator[Finding]:
    """Classes that settings name as strings."""
    if not source.is_settings:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        is_logger = node.value.startswith("django.security.")
        if DOTTED_CLASS.fullmatch(node.value) and not is_logger:
            yield from gone(source.path, node.lineno, node.value, node.value)


def lost_permissions(source: Source) -> Iterator[Finding]:
    """A REST_FRAMEWORK that replaces the image's, but sets no permissions."""
    for name, statement in assignments(of_module(source.tree.body)):
        keys = _all_keys(statement.value)
        if (
            name == "REST_FRAMEWORK"
            and source.is_settings
            and keys is not None
            and "DEFAULT_PERMISSION_CLASSES" not in keys
        ):
            yield Finding(
                PROBLEM,
                source.path,
                "REST_FRAMEWORK replaces all of the image's settings and has no "
                "DEFAULT_PERMISSION_CLASSES: anyone can write and delete.",
                'Add "DEFAULT_PERMISSION_CLASSES": '
                '["rest_framework.permissions.IsAuthenticatedOrReadOnly"], '
                "or AllowAny if everyone should be able to.",
                statement.lineno,
            )


def _all_keys(value: ast.expr | None) -> list[object] | None:
    """The keys of a complete dict, or None for a dict that extends another."""
    if isinstance(value, ast.Dict) and None not in value.keys:
        return [constant(key) for key in value.keys]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        names: list[object] = [each.arg for each in value.keywords]
        if not value.args and None not in names:
            return names
    return None


def settings(source: Source) -> Iterator[Finding]:
    """Settings that nothing reads anymore."""
    if not source.is_settings:
        return
    for name, statement in assignments(of_module(source.tree.body)):
        if name == "MIDDLEWARE_CLASSES":
            yield Finding(
                PROBLEM,
                source.path,
                "Django no longer reads MIDDLEWARE_CLASSES.",
                "Rename it to MIDDLEWARE.",
                statement.lineno,
            )
        elif name in ("STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE"):
            yield Finding(
                PROBLEM,
                source.path,
                f"Django no longer reads {name}.",
                'Write STORAGES = {"default": {"BACKEND": ...}, "staticfiles": {"BACKEND": ...}}.',
                statement.lineno,
            )


def settings_of_the_image(source: Source) -> Iterator[Finding]:
    """Settings that the image makes unnecessary, and an app that still works."""
    if not source.is_settings:
        return
    for name, statement in assignments(of_module(source.tree.body)):
        if name == "DEBUG" and not is_true_or_false(statement.value):
            yield from _unsure_debug(source, statement)
        elif name == "INSTALLED_APPS":
            yield from _health_apps(source, statement)
        elif name in ("STATIC_ROOT", "MEDIA_ROOT"):
            yield from _written_folder(source, name, statement)


def is_true_or_false(node: ast.expr) -> bool:
    if isinstance(node, ast.BoolOp):  # its value is one of its parts
        return all(is_true_or_false(part) for part in node.values)
    return isinstance(node, ast.Compare) or isinstance(constant(node), bool)


def _unsure_debug(source: Source, statement: Assignment) -> Iterator[Finding]:
    if "DEBUG" in {constant(node) for node in ast.walk(statement.value)}:
        yield Finding(
            PROBLEM,
            source.path,
            "This line can fail when it reads DEBUG from the environment, or treat the text "
            "'false' as true.",
            f"Delete the line: the image reads DEBUG and treats {', '.join(TRUE)} as true.",
            statement.lineno,
        )


def _written_folder(source: Source, name: str, statement: Assignment) -> Iterator[Finding]:
    texts = [str(constant(node)) for node in ast.walk(statement.value)]
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    if {"BASE_DIR", "__file__"} & names or any(text.startswith("/code") for text in texts):
        yield Finding(
            PROBLEM,
            source.path,
            f"{name} is in the code folder, where the application cannot write, because it no "
            "longer runs as root.",
            "Delete the line: the image writes to /data, which is a volume.",
            statement.lineno,
        )


def _health_apps(source: Source, statement: Assignment) -> Iterator[Finding]:
    for node in ast.walk(statement.value):
        if isinstance(node, ast.Constant) and node.value == "health_check.db":
            yield Finding(
                WARNING,
                source.path,
                "health_check.db still works but is deprecated. The image's /health/ready checks "
                "every database.",
                "Keep it as long as something requests its page: the image has a version that "
                "still includes it.",
                node.lineno,
            )


def worker_class(source: Source) -> Iterator[Finding]:
    """gevent in the server's configuration, which only the image of 2019 had."""
    if not source.path.endswith("gunicorn_conf.py"):
        return
    for name, statement in assignments(of_module(source.tree.body)):
        if name == "worker_class" and constant(statement.value) in ("gevent", "eventlet"):
            yield Finding(
                PROBLEM,
                source.path,
                f"{constant(statement.value)} is not in the image, so the server does not start.",
                "Delete the line, because the image's workers use threads, or add the package to "
                "your requirements.",
                statement.lineno,
            )


RULES = [gone_classes_in_settings, settings]
# Only for a project that uses the image's settings.
OF_LOCAL_SETTINGS = [lost_permissions, settings_of_the_image, worker_class]
