"""The code reads every variable of the table."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from backend.conf import variables
from backend.conf.source import read_by_key
from backend.conf.variables import TABLE, Variable
from backend.databases import needs as databases

ROOT = Path(variables.__file__).resolve().parents[2]
# Expressions with which the code reads the environment.
HOLDERS = ("_env", "env", "env.text", "self", "current()")
SETTINGS = ROOT / "backend" / "hacko_settings.py"


def unread(names: Iterable[str]) -> set[str]:
    """Variables that no statement reads, or that only set a setting that nothing reads."""
    files = [*(ROOT / "backend").rglob("*.py"), ROOT / "gunicorn_conf.py"]
    trees = {file: ast.parse(file.read_text()) for file in files}
    read = {name for tree in trees.values() for name in read_by_key(tree, *HOLDERS)}
    elsewhere = set(databases.SETTINGS.values())
    for file, tree in trees.items():
        if file not in (SETTINGS, ROOT / "backend" / "conf" / "variables.py"):
            elsewhere |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            elsewhere |= {
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    only_set = {
        statement.targets[0].id
        for statement in trees[SETTINGS].body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id in read_by_key(statement.value, "_env")
    }
    return {name for name in names if name not in read} | (
        (only_set - elsewhere - OF_DJANGO) & set(names)
    )


# Django and its packages read these.
OF_DJANGO = {"DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"}


def test_every_variable_of_the_table_is_read() -> None:
    assert unread(TABLE) == set()


def test_variable_that_nothing_reads_is_found() -> None:
    new = Variable("OF_NO_USE", "boolean", False, "Promises something.")
    assert unread([*TABLE, new.name]) == {"OF_NO_USE"}
