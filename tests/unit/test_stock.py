"""The same answers under the image's settings as under Django's and REST framework's own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.support.projects import run

STOCK = Path(__file__).parent / "stock_project"
# Patterns of requests whose answers differ, and why; docs/settings.md has them for users.
DIFFERENT = {
    r"^GET /api/defaults(/|\.json)( |$|\?)": "pages of limit and offset",
    r"^(POST|DELETE) /api/defaults/ .*anonymous": "who is not logged in only reads",
    r"^OPTIONS /api/defaults/": "it names what the client may write: nothing",
    r"^(POST|PUT) /function/": "who is not logged in only reads",
}


def asked(project: Path, settings: str) -> dict[str, list]:
    done = run(
        project, "ask.py", DJANGO_SETTINGS_MODULE=settings, DJANGO_SECRET_KEY="k" * 60, timeout=120
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")]
    assert lines, done.stdout + done.stderr
    answers = json.loads(lines[0].removeprefix("ANSWERS "))
    for _, headers, *_ in answers.values():
        # Of @api_view in the order of a set, another one in each process.
        headers["Allow"] = sorted(headers.pop("Allow", "").split(", "))
        # CORS and compression, which the image adds.
        vary = set(filter(None, headers.pop("Vary", "").split(", ")))
        headers["Vary"] = sorted(vary - {"origin", "Accept-Encoding"})
    return answers


def test_every_answer_is_the_stock_one_or_its_difference_is_named(project: Path, figures) -> None:
    for name in ("shop", "ask.py", "stock_settings.py"):
        copy = shutil.copytree if name == "shop" else shutil.copy
        copy(STOCK / name, project / name)
    (project / "local_settings").mkdir()
    (project / "data").mkdir()
    shutil.copy(STOCK / "image_settings.py", project / "local_settings/settings.py")
    stock, ours = asked(project, "stock_settings"), asked(project, "backend.settings")
    assert stock.keys() == ours.keys()
    differ = {name for name in stock if stock[name] != ours[name]}
    named = {name for name in differ if any(re.search(each, name) for each in DIFFERENT)}
    figures(f"{len(stock)} answers, {len(named)} differ as named, {len(differ - named)} otherwise")
    shown = [f"{name}\n  {stock[name]}\n  {ours[name]}" for name in sorted(differ - named)]
    assert not shown, "\n".join(shown)
    unused = [each for each in DIFFERENT if not any(re.search(each, name) for name in differ)]
    assert not unused
