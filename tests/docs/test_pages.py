"""The pages of the documentation, without an engine: every block is accounted for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from backend.conf import environment_pages
from tests.docs import snippets

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
# The first lines of all blocks that no test can run.
NOT_RUN = {"bin/test", "bin/test tests/publish", "pre-commit install"}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_is_run_written_compared_or_excused(page: Path) -> None:
    unknown = [snippet.place for snippet in snippets.read(page, ROOT) if not snippet.kind]
    assert not unknown, "put a comment before each: tests/docs/snippets.py lists the kinds"
    assert not snippets.indented(page), "use ``` for code, because tests do not read indented code"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_only_the_known_blocks_are_not_run(page: Path) -> None:
    excused = {s.text.splitlines()[0] for s in snippets.read(page, ROOT) if s.kind == "not run"}
    assert excused <= NOT_RUN


def test_every_page_with_commands_is_followed() -> None:
    tests = (
        *("tests/docs/test_readme.py", "tests/kit/adopt/test_adopt.py"),
        "tests/kit/upgrade/test_upgrade.py",
    )
    read = {page for test in tests for page in followed((ROOT / test).read_text(encoding="utf-8"))}
    for page in PAGES:
        # Blocks with the comment "printed" belong to test_troubleshooting.py.
        if any(snippet.kind != "printed" for snippet in snippets.read(page, ROOT)):
            assert str(page.relative_to(ROOT)) in read


def followed(module: str) -> set[str]:
    """The pages that the tests of a module follow, directly or in their fixtures."""
    functions = {
        node.name: node for node in ast.parse(module).body if isinstance(node, ast.FunctionDef)
    }
    waiting = [
        name for name in functions if name.startswith("test_") and not marked(functions[name])
    ]
    pages, seen = set(), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        waiting += [argument.arg for argument in functions[name].args.args]
        pages |= {
            str(call.args[0].value)
            for call in ast.walk(functions[name])
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "follow"
            and isinstance(call.args[0], ast.Constant)
        }
    return pages


def marked(function: ast.FunctionDef) -> bool:
    """Whether a test has a mark that can exclude it: skip, skipif, xfail."""
    return any(re.search(r"mark\.(skip|xfail)", ast.unparse(d)) for d in function.decorator_list)


@pytest.mark.parametrize(
    ("module", "pages"),
    [
        ("def test_a(r):\n    r.follow('a.md')", {"a.md"}),
        (
            "def test_a(f):\n    pass\ndef f(g):\n    pass\ndef g(r):\n    r.follow('a.md')",
            {"a.md"},
        ),
        ("# r.follow('a.md')\ndef f(r):\n    r.follow('a.md')", set()),
        ("@pytest.mark.skip\ndef test_a(r):\n    r.follow('a.md')", set()),
    ],
)
def test_a_page_counts_when_a_test_that_runs_follows_it(module: str, pages: set[str]) -> None:
    assert followed(module) == pages


@pytest.mark.parametrize("folder", ["backend", "tests"])
def test_contributing_says_where_everything_is(folder: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    of_django = {"management", "static", "templates", "templatetags"}
    parts = {
        path.name
        for path in (ROOT / folder).iterdir()
        if path.is_dir() and any(path.glob("*.py")) and path.name not in of_django
    }
    listed = set(re.findall(r"`backend/(\w+)/`", text))
    if folder == "tests":  # their table has names without a path
        listed |= set(re.findall(r"`(\w+)`", text))
    assert parts <= listed


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_is_what_its_language_says(page: Path) -> None:
    for snippet in snippets.read(page, ROOT):
        assert snippet.language, snippet.place
        snippets.check_syntax(snippet)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    outside_of_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_of_blocks):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file) if file else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target
    for program in re.findall(r"`((?:bin|\.ci)/[\w.-]+)", outside_of_blocks):
        # A program of this repository, or of a project that startproject writes.
        of_project = ROOT / "scaffold" / f"{program}-tpl"
        assert (ROOT / program).is_file() or of_project.is_file(), program


def test_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[: text.index("\n## ")]
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\(([^)\s#]+)\)", table))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_readme_repeats_the_generated_table_word_for_word() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    marked = re.search(r"<!-- rows of docs/environment.md -->\n(.+?)<!-- end -->", text, re.DOTALL)
    assert marked is not None
    rows = marked[1].splitlines()
    assert len(rows) > 10
    generated = environment_pages.documentation().splitlines()
    assert [row for row in rows if row not in generated] == []


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("one\n", "one\n", True),
        ("one", "one two", False),
        ("one ... three", "one two three", True),
        ("...\nlast\n", "first\nsecond\nlast\n", True),
        ("...\nlast\n", "first\nlast\nafter\n", False),
        ("a.c", "abc", False),
    ],
)
def test_output_is_compared_whole(expected: str, printed: str, *, same: bool) -> None:
    assert snippets.matches(expected, printed) is same


def test_a_block_without_a_comment_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    plain, run = "```sh\ntrue\n```\n", "<!-- run -->\n```sh\nfalse\n```\n"
    page.write_text(f"Text.\n\n{plain}\n{run}\n    indented\n")
    assert [snippet.kind for snippet in snippets.read(page, tmp_path)] == ["", "run"]
    assert snippets.indented(page) == [12]


def test_ratios_of_the_readme_are_those_that_were_measured() -> None:
    measured = (ROOT / "bench/results.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+ \| \*\*.+\*\* \|$", readme, re.MULTILINE)
    assert len(rows) > 8
    missing = [row for row in rows if f"\n{row.removesuffix('|').rstrip()}" not in measured]
    assert not missing, "bench/run writes them to bench/results.md"
