"""Filters of REST framework's views, which django-filter now reads under other names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from backend.conf.findings import PROBLEM, Finding
from backend.kit.upgrade.source import Edit, Source, assignments, constant

NAMES = {"filter_class": "filterset_class", "filter_fields": "filterset_fields"}
MODULES = tuple(f"rest_framework.{name}." for name in ("generics", "mixins", "views", "viewsets"))
BY_NAME = {"getattr", "setattr", "hasattr", "delattr"}


def rename_filters(sources: Mapping[str, Source]) -> dict[str, list[Edit]]:
    """filter_class and filter_fields of views become filterset_class and filterset_fields"""
    used = _uses(sources)
    edits: dict[str, list[Edit]] = {}
    for source, name, statement in _old_names(sources):
        if name not in used:
            edit = source.rename(statement, name, NAMES[name])
            edits.setdefault(source.path, []).append(edit)
    return edits


def used_filters(sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Old names that the project's code reads too, so that a rename of the views would break it."""
    used = _uses(sources)
    for source, name, statement in _old_names(sources):
        if name in used:
            yield Finding(
                PROBLEM,
                source.path,
                f"django-filter no longer reads {name}, but your own code does ({used[name]}).",
                f"Rename it to {NAMES[name]} wherever it is the filter of a view.",
                statement.lineno,
            )


def _old_names(sources: Mapping[str, Source]) -> Iterator[tuple[Source, str, ast.stmt]]:
    """Attributes of REST framework's views with an old name, unless the new one is there too."""
    classes = [
        (source, node)
        for source in sources.values()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    ]
    views: set[str] = set()
    while new := {n.name for source, n in classes if _is_view(source, n, views)} - views:
        views |= new
    for source, node in classes:
        attributes = dict(assignments(node.body))
        for name in NAMES.keys() & attributes.keys():
            if NAMES[name] not in attributes and _is_view(source, node, views):
                yield source, name, attributes[name].statement


def _is_view(source: Source, node: ast.ClassDef, views: set[str]) -> bool:
    """Whether a class is a view of REST framework. ``views`` are names of those already found."""
    if "serializer_class" in dict(assignments(node.body)):
        return True
    bases = [source.dotted(base) for base in node.bases]
    return any(
        base.startswith(MODULES)
        or base.endswith(("APIView", "ViewSet"))
        or base.rpartition(".")[2] in views
        for base in bases
    )


def _uses(sources: Mapping[str, Source]) -> dict[str, str]:
    """The old names that the project's code reads, each with a place."""
    return {
        name: f"{path}, line {line}"
        for path, source in sorted(sources.items(), reverse=True)
        for node in ast.walk(source.tree)
        for name, line in _names_used(node)
        if name in NAMES
    }


def _names_used(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Attribute):
        yield node.attr, node.lineno
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
        yield from ((str(constant(given)), node.lineno) for given in node.args[1:2])
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "as_view":  # its keywords are attributes of the view
            yield from ((str(each.arg), node.lineno) for each in node.keywords)
    elif isinstance(node, ast.ClassDef):
        # The class's own names, as in ordering_fields = filter_fields.
        for statement in node.body:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for each in ast.walk(statement):
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                        yield each.id, each.lineno
