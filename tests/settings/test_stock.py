"""A project responds the same with the image's settings as with Django's and REST framework's own.

``stock_project`` runs in one process with each of them: its API, its pages, every test client, and
``manage.py``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.support.projects import run

STOCK = Path(__file__).parent / "stock_project"
# A response's status, headers, body, and cookies, or a command's exit code, output, and errors.
Answer = Any
KEY = "of-the-tests-and-as-long-as-django-wants-it-of-the-tests"
# The parts of a browsable API page that the image's template and REST framework's do not share.
BROWSABLE = "|".join(
    (
        r"<title>[^<]*</title>",
        r"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        r"<style>:root { color-scheme.+?</style>",
        r"<link rel=\"stylesheet\" href=\"/static/backend/api\.css\">",
        r"<header class=\"site-bar\">.+?</header>",
        r"<div class=\"navbar navbar-static-top.+?(?=<div class=\"container\">\s*<ul)",
        r"<details class=\"response-map\" open hidden .+?</details>",
        r"<script src=\"/static/backend/(?:api|map-response)\.js\"></script>",
    )
)
# What the image's base_site.html adds to a page of the admin.
ADMIN = r"""<style>:root { color-scheme.+?</style>\n?|<a class="home-link".+?</a>"""


@dataclass(frozen=True)
class Difference:
    """A documented difference: a row in docs/settings.md begins with ``row``.

    ``undo`` removes it from both answers whose names match the pattern ``cells``, and the rest is
    still compared. Without ``undo``, nothing of these answers is compared.
    """

    row: str
    cells: str
    undo: Callable[[Answer], Answer] = lambda answer: [0, *code(answer)[1:]]


def text(pattern: str, instead: str = "") -> Callable[[Answer], Answer]:
    def undo(answer: Answer) -> Answer:
        return [
            re.sub(pattern, instead, part, flags=re.DOTALL | re.MULTILINE)
            if isinstance(part, str)
            else part
            for part in answer
        ]

    return undo


def page(pattern: str) -> Callable[[Answer], Answer]:
    """Remove what the pattern matches, and the white space that remains between tags."""

    def undo(answer: Answer) -> Answer:
        return [
            re.sub(r"(?<=>)\s+|\s+(?=<)", "", part)
            if isinstance(part, str) and "<html" in part
            else part
            for part in text(pattern)(answer)
        ]

    return undo


def headers(pattern: str) -> Callable[[Answer], Answer]:
    def undo(answer: Answer) -> Answer:
        status, response_headers, *rest = answer
        kept = {
            name: value for name, value in response_headers.items() if not re.search(pattern, name)
        }
        return [status, kept, *rest]

    return undo


def code(answer: Answer) -> Answer:
    """Only the status or exit code."""
    return [answer[0], *(type(part)() for part in answer[1:])]


def but_for_rows(answer: Answer) -> Answer:
    status, response_headers, _, cookies = headers("^X-Count$")(answer)
    return [status, response_headers, "", cookies]


def paths(answer: Answer) -> Answer:
    """Only the paths of an OpenAPI document, because all operations on lists differ."""
    return text(r'^(?!    "/)[^\n]*\n?')(answer)


def vary(*names: str) -> Callable[[Answer], Answer]:
    def undo(answer: Answer) -> Answer:
        status, response_headers, *rest = answer
        values = [
            value for value in response_headers.get("Vary", "").split(", ") if value not in names
        ]
        return [status, {**response_headers, "Vary": ", ".join(filter(None, values))}, *rest]

    return undo


def error_page(answer: Answer) -> Answer:
    """Remove Django's error page, or the JSON that replaces it."""
    status, response_headers, body, cookies = answer
    page = re.fullmatch(
        r"\s*<!doctype html>\s*<html lang=\"en\">.+<h1>.+</h1>.*", body, re.DOTALL | re.IGNORECASE
    )
    if status < 400 or not (page or re.fullmatch(r'\{"detail": "[A-Z][\w ]+\."\}', body)):
        return answer
    written = "^Content-(Type|Security-Policy)$"
    return headers(written)(vary("Accept")([status, response_headers, "", cookies]))


HTTP = r"^(?!manage\.py|test_|mails|assert|Client\.login|request and|RequestsClient: cookies)"
VARY = Difference("`Vary` also names", HTTP, vary("origin", "Accept-Encoding"))
DIFFERENCES = [
    VARY,
    Difference(
        "lists are paginated: 10 items per page",
        r"(GET|HEAD|[cC]lient:) /api/defaults(/|\.json)( |\?|$)|APIRequestFactory defaults",
        but_for_rows,
    ),
    Difference("lists are paginated: 10 items per page", r"schema", paths),
    Difference(
        "anonymous users can only read", r"(POST|DELETE|OPTIONS) /api/defaults/ .*anonymous"
    ),
    Difference("anonymous users can only read", r"GET /api/defaults/(1|999)/ .*html.* anonymous"),
    Difference("anonymous users can only read", r"(POST|PUT) /function/"),
    Difference("NaN and infinity are the strings", r"1e999"),
    Difference(
        "pages of every origin can read the API", r"Origin", headers("(?i)^access-control-")
    ),
    Difference("an error outside of REST framework's views", HTTP, error_page),
    Difference("the 400 for a host that is not in `ALLOWED_HOSTS`", r"'Host': 'foreign", code),
    Difference("the browsable API has the bar", HTTP, page(BROWSABLE)),
    Difference("the admin has the colors", HTTP, page(ADMIN)),
    Difference(
        "`MEDIA_URL`, `MEDIA_ROOT`, and `STATIC_ROOT` have values",
        HTTP,
        text('(?<=[ "])/media/', "/"),
    ),
    Difference("`MEDIA_URL`, `MEDIA_ROOT`, and `STATIC_ROOT` have values", "collectstatic"),
    Difference("the admin's title is", HTTP, text("Django (site admin|administration|REST API)")),
    Difference("`/` shows a landing page", r"^GET /(|swagger/|redoc/) "),
    Difference("a request body can have 10 MB", r"POST of 3000000 bytes"),
    Difference("more applications are installed", r"manage.py help( --commands)?$", code),
    Difference(
        "more applications are installed",
        r"inspectdb",
        text(r"django\.contrib\.gis\.db", "django.db"),
    ),
    Difference(
        "more applications are installed", r"manage.py shell", text(r"\d+ objects imported")
    ),
    Difference(
        "more applications are installed", r"manage.py test", text("unmigrated apps: .*?\n")
    ),
    Difference("`check --deploy`", r"check --deploy", code),
    Difference("`diffsettings`", r"diffsettings", code),
    Difference("`startapp`", r"manage.py startapp fresh", text("^Created .*")),
]


def asked(folder: Path, settings: str) -> dict[str, Answer]:
    for name in ("shop", "asking"):
        shutil.copytree(STOCK / name, folder / name)
    for name in ("ask.py", "common_settings.py"):
        shutil.copy(STOCK / name, folder)
    # A fixed hash seed, because sets, such as those of tables, would be ordered differently.
    env = {"PYTHONHASHSEED": "0", "DJANGO_SECRET_KEY": KEY, "DJANGO_SETTINGS_MODULE": settings}
    done = run(folder, "ask.py", "manage.py", timeout=300, **env)
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")]
    assert lines, done.stdout + done.stderr
    answers = json.loads(lines[0].removeprefix("ANSWERS "))
    for answer in answers.values():
        if isinstance(answer, list) and isinstance(answer[1], dict):
            # @api_view lists the methods in the order of a set.
            answer[1]["Allow"] = ", ".join(sorted(answer[1].get("Allow", "").split(", ")))
            answer[1].setdefault("Vary", "")
    return answers


def same(stock: Answer, ours: Answer, name: str, named: Iterable[Difference]) -> bool:
    """Whether both are equal without the differences ``named``."""
    for difference in named:
        if re.search(difference.cells, name):
            stock, ours = difference.undo(stock), difference.undo(ours)
    return stock == ours


def test_every_response_equals_that_of_stock_django_or_its_difference_is_named(
    project: Path, figures
) -> None:
    stock_project = project.parent / "stock"
    stock_project.mkdir()
    shutil.copy(STOCK / "stock_manage.py", stock_project / "manage.py")
    shutil.copy(STOCK / "stock_settings.py", stock_project)
    (project / "data").mkdir()
    (project / "local_settings").mkdir()
    for name in ("settings.py", "urls.py"):
        shutil.copy(STOCK / f"image_{name}", project / "local_settings" / name)
    with ThreadPoolExecutor() as pool:
        stock, ours = pool.map(
            asked, (stock_project, project), ("stock_settings", "backend.settings")
        )
    assert stock.keys() == ours.keys()

    def different(names: Iterable[str], *named: Difference) -> set[str]:
        return {name for name in names if not same(stock[name], ours[name], name, named)}

    but_for_vary = different(stock, VARY)
    assert but_for_vary != different(stock)
    otherwise = different(but_for_vary, *DIFFERENCES)
    named = len(but_for_vary - otherwise)
    figures(f"{len(stock)} answers, {named} differ as named, {len(otherwise)} otherwise")
    shown = [f"{name}\n  {stock[name]}\n  {ours[name]}" for name in sorted(otherwise)]
    assert not shown, "\n".join(shown)
    for left_out in DIFFERENCES[1:]:
        others = (each for each in DIFFERENCES if each is not left_out)
        assert different(but_for_vary, *others), left_out
    rows = {difference.row for difference in DIFFERENCES}
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert not [row for row in rows if f"\n| {row}" not in page]
