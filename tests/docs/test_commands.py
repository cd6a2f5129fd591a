"""A test runs each command in the text and the tables of the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs import snippets
from tests.docs.test_pages import PAGES, ROOT

SCAFFOLD = ROOT / "scaffold/README.md-tpl"
PROGRAMS = re.compile(
    r"([A-Z_]+=\S+ )*(docker|python3?|bash|sh|(bin|bench|\.ci)/[\w.-]+|curl|psql|git|cp|grep|pip"
    r"|pg_(dump|restore|isready)|pytest|ruff)( |$)"
)
# These are only mentioned.
MENTIONED = {
    *(
        "docker compose exec",
        "docker run --env-file",
        "docker exec",
        "docker inspect",
        "docker login",
        "docker pause",
    ),
    *("docker run", "docker stats", "docker stop", "git diff", "pip", "pip install"),
    *("pip install -e", "psql", "pytest", "ruff", "python", "python manage.py ..."),
    # A test cannot run the test suite itself, and uv is not installed.
    *("bin/test", "bin/test tests/conf -k secret", "bin/lock"),
}
# Tests that run a command in another form.
TYPED = {
    ".ci/engine": (".ci/run", 'step "Engine" .ci/engine'),
    "PORT=9000 bin/up": ("tests/bin/test_up.py", '"PORT": str(self.port)'),
    "SOAK_SECONDS=600 bin/test tests/faults/test_soak.py": (
        "tests/faults/test_soak.py",
        'environ.get("SOAK_SECONDS"',
    ),
    "bash .ci/run": ("tests/publish/test_travis.py", '"bash .ci/run"'),
    ".ci/run": ("tests/publish/test_travis.py", '"bash .ci/run"'),
    "bench/run": ("tests/bench/test_run.py", '["bench/run", '),
    "bench/run --against TAG": ("tests/bench/test_bench.py", "against_before(case)"),
    "bench/run --only list detail": ("tests/bench/test_run.py", '"--only", "hello"'),
    "bench/run --quick": ("tests/bench/test_run.py", '"--quick"]'),
    "bench/run --rounds 9": ("tests/bench/test_run.py", '"--rounds", "1"'),
    "bench/size": ("bin/test", 'step "Size" bench/size'),
    "bin/docker-deploy.sh": ("tests/publish/test_publishing.py", "bin/docker-deploy.sh"),
    "bin/image-test": ("tests/kit/contract/conftest.py", 'ROOT / "bin" / "image-test"'),
    "bin/lint": ("bin/test", 'step "Linters" bin/lint'),
    "bin/native runserver": (
        "tests/kit/startproject/test_compose.py",
        '["bin/native", "runserver", ',
    ),
    "bin/native shell": ("tests/kit/startproject/test_compose.py", '"bin/native", "shell", '),
    "python manage.py inspectapi": ("tests/tables/test_inspectapi.py", 'run("inspectapi")'),
    "python manage.py inspectapi city --schema city": (
        "tests/tables/test_inspectapi.py",
        'run("inspectapi", "city", "--schema", "city")',
    ),
    "bin/test --all": (".ci/run", 'step "All checks" bin/test --all'),
    "bin/up --native": ("tests/bin/test_up.py", 'up("--native", '),
    "bin/up --postgis": ("tests/bin/test_up.py", 'up("--postgis")'),
    "cp .env.example .env": ("tests/kit/startproject/test_projects.py", '".travis.yml"'),
    "docker compose -f docker-compose.yml run --rm --build --no-deps api check": (
        "scaffold/.travis.yml-tpl",
        "- docker compose -f docker-compose.yml run --rm --build --no-deps api check",
    ),
    "docker compose --profile replicas up": (
        "tests/kit/startproject/test_compose.py",
        '("--profile", "replicas")',
    ),
    "docker compose --profile replicas up --build --detach --wait": (
        "tests/kit/startproject/test_compose.py",
        '("--profile", "replicas")',
    ),
    "docker compose --profile tools up": (
        "tests/kit/startproject/test_compose.py",
        '"--profile", "tools", "up", ',
    ),
    "docker compose --profile tools up --detach": (
        "tests/kit/startproject/test_compose.py",
        '"--profile", "tools", "up", "--detach"',
    ),
    "docker compose run --rm api ruff check": (
        "scaffold/.travis.yml-tpl",
        "- docker compose run --rm api ruff check",
    ),
    "docker compose run --rm api ruff format --check": (
        "scaffold/.travis.yml-tpl",
        "- docker compose run --rm api ruff format --check",
    ),
    "docker compose run --rm worker bash": ("tests/boot/test_roles.py", 'team.run(OWN, "bash", '),
    "docker image ls bdd-bench": ("tests/bench/test_run.py", '"image", "ls", "bdd-bench"'),
    "docker run --init": ("tests/faults/test_processes.py", '"--init"'),
    "docker run --user ...": ("tests/image/test_hardening.py", '"--user", "12345:0"'),
    "docker run IMAGE --workers 2": ("tests/config/test_config.py", 'start("--workers", '),
    "docker run IMAGE python manage.py config": (
        "tests/config/test_config.py",
        '"python", "manage.py", "config"',
    ),
    "docker stop --time": ("tests/boot/test_boot.py", '"stop", "--time", '),
    "pg_dump --format=custom": ("tests/image/test_image.py", "pg_dump --format=custom "),
    "pg_dump --no-owner": ("tests/image/test_image.py", "pg_dump --no-owner "),
    "pg_restore": ("tests/image/test_image.py", "pg_restore --"),
    "python -Wall manage.py runserver": (
        "tests/health/test_health.py",
        '"python", "-Wall", "manage.py", "runserver"',
    ),
    "python -m celery worker": ("tests/boot/test_roles.py", '"python", "-m", "celery"'),
    "python manage.py doctor": ("tests/doctor/test_doctor.py", '"python", "manage.py", "doctor"'),
    "python manage.py migrate --fake-initial": (
        "tests/docs/provokers.py",
        '"manage.py", "migrate", "--fake-initial"',
    ),
    "python manage.py migrate parks --fake-initial": (
        "tests/kit/upgrade/test_upgrade.py",
        '"migrate", "parks", "--fake-initial"',
    ),
    "python manage.py migrate_databases": (
        "tests/boot/test_migrations.py",
        '"python", "manage.py", "migrate_databases"',
    ),
    "python manage.py wait_for_db": (
        "tests/boot/test_manage_units.py",
        '"manage.py", "wait_for_db"',
    ),
    "python src/manage.py runserver": (
        "tests/boot/test_brought_projects.py",
        '"python", "src/manage.py", "runserver"',
    ),
    "sh -c 'exec gunicorn ...'": ("tests/boot/test_commands.py", '"sh", "-c", "exec gunicorn '),
}


def inline(page: Path) -> Iterator[tuple[str, str]]:
    """Each command in backquotes outside of blocks, on one line, with its place."""
    text = re.sub(
        r"^( {0,3})(`{3,}|~{3,}).*?^ {0,3}\2 *$",
        lambda block: "\n" * block[0].count("\n"),
        page.read_text(encoding="utf-8").replace("{{ app_name }}", "my_api"),
        flags=re.MULTILINE | re.DOTALL,
    )
    for span in re.finditer(r"(?<!`)`([^`]+)`(?!`)", text):
        command = " ".join(span[1].split())
        if PROGRAMS.match(command):
            line = text.count("\n", 0, span.start()) + 1
            yield command, f"{page.relative_to(ROOT)}, line {line}"


def typed() -> str:
    """The commands in the blocks of the pages, and those that test_readme.py adds."""
    blocks = [
        snippet.text
        for page in PAGES
        for snippet in snippets.read(page, ROOT)
        if snippet.kind in ("run", "run, fails")
    ]
    return "".join(blocks) + (ROOT / "tests/docs/test_readme.py").read_text(encoding="utf-8")


def test_every_command_in_the_text_is_typed_by_a_test() -> None:
    text = typed()
    unproved = [
        f"{place}: {command}"
        for page in (*PAGES, SCAFFOLD)
        for command, place in inline(page)
        if not re.search(rf"(?<![\w-]){re.escape(command)}(?![\w-])", text)
        and command not in MENTIONED | TYPED.keys()
    ]
    assert not unproved, "put it into a block that runs, or into a test that TYPED names"


def test_each_test_in_the_list_contains_its_command() -> None:
    for command, (file, words) in TYPED.items():
        assert words in (ROOT / file).read_text(encoding="utf-8"), command


def test_every_excused_command_is_on_a_page() -> None:
    commands = {command for page in (*PAGES, SCAFFOLD) for command, _ in inline(page)}
    assert MENTIONED | TYPED.keys() <= commands
