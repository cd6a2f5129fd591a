"""What the image calls the rows of a model."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import shell

PLURALS = """
from django.db import models
from backend.pages.names import plural

for name, meta in (
    ("Stop", {}), ("Crashes", {}), ("Address", {}), ("Bus", {"verbose_name_plural": "busses"}),
):
    meta = type("Meta", (), {**meta, "app_label": "auth"})
    print(plural(type(name, (models.Model,), {"Meta": meta, "__module__": "any"})))
"""


def test_plural_does_not_get_a_second_s(project: Path) -> None:
    assert shell(project, PLURALS).split() == ["stops", "crashes", "addresses", "busses"]
