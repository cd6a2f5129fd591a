"""Long statements of generated code are on lines as ruff writes them, and others stay."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.tables.generator import units

LABELS = ", ".join(f'("label number {number}", "label number {number}")' for number in range(4))
LONG = {
    "list in a call": f"    kind = models.CharField(choices=[{LABELS}], null=True)\n",
    "call in a call": f"    kinds = ArrayField(models.CharField(choices=[{LABELS}]), null=True)\n",
    "dictionary": f'    kinds = {{"{"a" * 60}": {{"source": "{"b" * 60}"}}, "c": {{"d": "e"}}}}\n',
    "arguments that fit on one line": f'    kind = TextField(a="{"a" * 66}", b="b", c="c")\n',
    "wide letters": f'    kind = TextField(verbose_name="{"🚲" * 20}", db_column="{"b" * 20}")\n',
}


@pytest.mark.parametrize("statement", LONG.values(), ids=LONG)
def test_long_statement_is_written_as_ruff_writes_it(statement: str, tmp_path: Path) -> None:
    text = units.wrapped(
        f"class Notes(models.Model):\n{statement}\n    class Meta:\n        a = 1\n"
    )
    assert statement not in text
    ruff = [sys.executable, "-m", "ruff", "format", "--no-cache", "--line-length=100", "-"]
    written = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    assert text == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Nothing but a comment\n",
        'A = ["a", "b"]\nB = {\n    "a": 1,\n}\n',
        f'A = "{"a" * 200}"  # a text cannot be wrapped\n',
        f"A = [1, 2]  # {'a' * 200}\n",
        '"""é\u2028 is no end of a line"""\n\nA = 1; B = 2\n',
    ],
)
def test_others_stay(text: str) -> None:
    assert units.wrapped(text) == text


def test_many_tables_take_a_moment() -> None:
    fields = "".join(f"    column_{number} = models.TextField()\n" for number in range(20))
    text = "\n\n".join(f"class Table{number}(models.Model):\n{fields}" for number in range(50))
    started = time.perf_counter()
    assert units.wrapped(text) == text
    assert time.perf_counter() - started < 2
