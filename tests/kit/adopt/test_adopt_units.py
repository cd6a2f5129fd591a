"""What `adopt` writes around a project, what it lists, and what it leaves as it is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from backend.conf.errors import StartupError
from backend.conf.findings import PROBLEM, WARNING
from backend.kit.adopt import containers, packages, settings
from backend.kit.adopt.__main__ import main
from backend.kit.startproject.plan import IMAGE
from backend.kit.upgrade import project as django_projects
from backend.kit.upgrade.__main__ import main as upgrade
from backend.kit.upgrade.rules import rewrites
from backend.kit.upgrade.run import Run
from backend.kit.upgrade.source import Source
from tests.kit.adopt.projects import GUIDES, OWN_ENTRYPOINT, PIPENV, SETTINGS, Guide, django
from tests.kit.upgrade.by_hand import ByHand, git
from tests.kit.upgrade.conftest import copy_of_old_project
from tests.kit.upgrade.test_upgrade_units import write

PLACE = re.compile(r"^  (\S+), line (\d+): (.*)\n      FIX: (.+)$", re.MULTILINE)


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A project that is committed, as most are."""
    write(folder, files)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Before")
    return folder


@pytest.fixture(params=GUIDES)
def guide(request: pytest.FixtureRequest) -> Guide:
    return GUIDES[request.param]


def listed(output: str, title: str = "By hand:") -> list[tuple[str, int, str]]:
    """The path, the line, and the problem of each place below a title."""
    _, found, below = output.partition(f"{title}\n")
    block = below.partition("\n\n")[0] if found else ""
    return [(path, int(line), problem) for path, line, problem, _ in PLACE.findall(block)]


# --- The five guides ----------------------------------------------------------------------


def test_each_listed_place_is_corrected_by_its_edit_and_none_is_left(
    tmp_path: Path, guide: Guide, capsys: pytest.CaptureFixture[str]
):
    """Its owner runs adopt and upgrade, and then follows the list."""
    project = repository(tmp_path, guide.files)
    assert main(["--force", str(project)]) == 0
    places = listed(capsys.readouterr().out)
    for path, line, problem in places:
        assert [edit for edit in guide.by_hand if edit.path == path and edit.problem in problem], (
            f"{path}, line {line}: {problem}"
        )
        assert line <= len((project / path).read_text().splitlines())
    git(project, "add", "--all")
    upgrade([str(project)])
    for edit in guide.by_hand:
        assert [p for p in places if p[0] == edit.path and edit.problem in p[2]], edit
        edit.apply(project)
    git(project, "add", "--all")
    capsys.readouterr()
    assert main(["--check", "--force", str(project)]) == 0
    assert capsys.readouterr().out.endswith("0 places to change by hand.\n")


def test_the_files_fit_the_project(tmp_path: Path, guide: Guide):
    project = repository(tmp_path, guide.files)
    main(["--force", str(project)])
    for path, texts in guide.expected.items():
        for text in texts:
            assert text in (project / path).read_text()
    for path, text in guide.files.items():
        if path.endswith((".py", ".toml")) or "equirements" in path:
            assert (project / path).read_text() == text


def test_the_files_are_clean_for_linters(tmp_path: Path, guide: Guide):
    project = repository(tmp_path, guide.files)
    main(["--force", str(project)])
    done = subprocess.run(["hadolint", project / "Dockerfile"], capture_output=True, text=True)
    assert done.stdout == ""
    text = (project / "docker-compose.yml").read_text().replace("!reset ", "")
    services = yaml.safe_load(text)["services"]
    assert services["api"]["build"] == "."
    assert set(services["api"]["depends_on"]) <= set(services)
    workflow = project / ".github/workflows/test.yml"
    schema = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow]
    done = subprocess.run(schema, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_passwords_are_new_in_env_and_missing_in_the_example(tmp_path: Path):
    project = repository(tmp_path, GUIDES["own entry point"].files)
    main(["--force", str(project)])
    env = (project / ".env").read_text()
    assert re.search(r"^SECRET_KEY=[0-9a-f]{64}$", env, re.MULTILINE)
    assert re.search(r"^POSTGRES_PASSWORD=[0-9a-f]{32}$", env, re.MULTILINE)
    example = (project / ".env.example").read_text()
    assert re.search(r"^SECRET_KEY=$", example, re.MULTILINE)
    assert re.search(r"^POSTGRES_PASSWORD=$", example, re.MULTILINE)
    assert (project / ".env").stat().st_mode & 0o777 == 0o600
    assert ".env\n" in (project / ".gitignore").read_text()


# --- Existing files -----------------------------------------------------------------------


def test_without_force_containers_stay_and_their_lines_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = repository(tmp_path, GUIDES["own entry point"].files)
    assert main([str(project)]) == 0
    assert git(project, "status", "--short") == ""
    output = capsys.readouterr().out
    places = {(path, line): problem for path, line, problem in listed(output)}
    assert places.pop(("app/Dockerfile", 1)) == "This is Python's own image."
    assert "on it: netcat." in places.pop(("app/Dockerfile", 3))
    assert "replaces the image's entry point" in places.pop(("app/Dockerfile", 9))
    assert "waits for the databases" in places.pop(("app/entrypoint.sh", 2))
    assert "flush deletes all rows" in places.pop(("app/entrypoint.sh", 5))
    assert "migrates each database once" in places.pop(("app/entrypoint.sh", 6))
    assert places == {}
    assert "docker-compose.yml stayed." in output
    assert "FIX: Keep only libmagic1." in output


def test_without_force_no_file_that_exists_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """There is no Compose file, so the others are written."""
    files = {**django("a", database="{}", last=""), "Dockerfile": "FROM python:3.12\nUSER me\n"}
    files |= {".env": "A=1\n", ".dockerignore": ".env\n", ".gitignore": "*.pyc\n"}
    main([str(repository(tmp_path, files))])
    assert git(tmp_path, "diff") == ""
    assert (tmp_path / "docker-compose.yml").is_file()
    output = capsys.readouterr().out
    assert [place[:2] for place in listed(output) if place[0] != "a/settings.py"] == [
        (".dockerignore", 1),
        (".env", 1),
        (".gitignore", 1),
        ("Dockerfile", 1),
        ("Dockerfile", 2),
    ]
    assert "Dockerfile stayed. To write new files in place of these lines, use --force." in output


def test_what_upgrade_rewrites_is_not_on_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    files = {
        **django("a", database="{}", last=""),
        "requirements.txt": "Django==4.2\n",
        "a/urls.py": "from django.conf.urls import url\nurlpatterns = [url('a', b)]\n",
    }
    main([str(repository(tmp_path, files))])
    output = capsys.readouterr().out
    assert {path for path, *_ in listed(output)} == {"a/settings.py"}
    assert "upgrade can rewrite:\n  a/urls.py\n    url() of django.conf.urls becomes" in output
    assert "  requirements.txt\n    Django==4.2: the image includes it\n" in output


def test_a_dockerfile_that_follows_the_list_is_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = repository(tmp_path, GUIDES["own entry point"].files)
    edits = [
        ("FROM python:3.11.4-slim-buster", "FROM hackoregoncivic/backend-docker-django"),
        ("netcat libmagic1", "libmagic1"),
        ("COPY ./entrypoint.sh .\n", ""),
        ('ENTRYPOINT ["/usr/src/app/entrypoint.sh"]\n', ""),
    ]
    ByHand("app/Dockerfile", "", edits).apply(project)
    (project / "app/entrypoint.sh").unlink()
    main([str(project)])
    paths = {path for path, *_ in listed(capsys.readouterr().out)}
    assert paths == set()


def test_check_prints_the_files_without_passwords_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = repository(tmp_path, PIPENV.files)
    assert main(["--check", "--force", str(project)]) == 1
    assert git(project, "status", "--short") == ""
    output = capsys.readouterr().out
    assert "-FROM python:3.8\n" in output
    assert "+FROM ${IMAGE} AS requirements\n" in output
    assert "Would be written:\n  Dockerfile\n" in output
    assert "+POSTGRES_PASSWORD=\n" in output
    assert "+++ b/.env\n" not in output


def test_force_keeps_what_git_cannot_restore_beside_the_new_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = repository(tmp_path, PIPENV.files)
    (project / "Dockerfile").write_text("FROM python:3.12\n")
    main(["--force", str(project)])
    assert (project / "Dockerfile.before-adopt").read_text() == "FROM python:3.12\n"
    assert not (project / "docker-compose.yml.before-adopt").exists()  # git has it
    assert "  Dockerfile (the old one is now Dockerfile.before-adopt)\n" in capsys.readouterr().out
    (project / "Dockerfile").write_text("FROM python:3.13\n")
    main(["--force", str(project)])
    assert (project / "Dockerfile.before-adopt2").read_text() == "FROM python:3.13\n"


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path):
    project = repository(tmp_path / "project", PIPENV.files)
    (tmp_path / "other").write_text("other")
    (project / "Dockerfile").unlink()
    (project / "Dockerfile").symlink_to(tmp_path / "other")
    main(["--force", str(project)])
    assert (tmp_path / "other").read_text() == "other"
    assert (project / "Dockerfile").read_text().startswith("ARG IMAGE=")


def test_a_second_run_with_force_changes_nothing(tmp_path: Path, guide: Guide):
    project = repository(tmp_path, guide.files)
    main(["--force", str(project)])
    git(project, "add", "--all")
    before = git(project, "diff", "--cached")
    main(["--force", str(project)])
    assert git(project, "diff") == ""
    assert git(project, "diff", "--cached") == before


def test_a_file_of_adopt_that_its_owner_changed_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = repository(tmp_path, GUIDES["own entry point"].files)
    main(["--force", str(project)])
    compose = project / "docker-compose.yml"
    compose.write_text(f"{compose.read_text()}  redis:\n")
    capsys.readouterr()
    main([str(project)])
    assert compose.read_text().endswith("  redis:\n")
    output = capsys.readouterr().out
    assert listed(output) == []
    assert "--force" not in output


def test_without_git_every_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path, GUIDES["Heroku"].files)
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "Dockerfile").is_file()
    assert "Project: manage.py, with the settings mysite.settings." in capsys.readouterr().out


def test_what_the_new_files_lack_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A service beside the API and the database, and a step that builds style sheets."""
    files = GUIDES["project in src"].files
    dockerfile = f"{files['Dockerfile']}RUN npm ci && \\\n    npm run build\nRUN npx x\n"
    compose = f"{files['docker-compose.yml']}  redis:\n    image: redis\n"
    files = {**files, "Dockerfile": dockerfile, "docker-compose.yml": compose}
    main(["--force", str(repository(tmp_path, files))])
    output = capsys.readouterr().out
    steps = (
        "The old file has steps that the new Dockerfile has not: RUN npm ci && npm run build (line "
        "9); RUN npx x (line 11)."
    )
    assert ("Dockerfile", 9, steps) in listed(output)
    lacking = "The new Compose file does not have the services proxy."
    assert ("docker-compose.yml", 1, lacking) in listed(output, "Good to know:")


@pytest.mark.parametrize(
    ("line", "number", "problem"),
    [
        ("FROM python:3.12-slim AS build", 1, "This is Python's own image."),
        (
            "RUN apt-get update && apt-get install -y \\\n  gdal-bin \\\n  libpq-dev=15 jq",
            2,
            "gdal-bin",
        ),
        ("RUN apk add gdal", 2, "The image is Debian, not Alpine: apk add gdal"),
        ("RUN useradd app && chown -R app /app", 2, "The image has a user"),
        ("USER app", 2, "The image drops root privileges itself"),
        ('ENTRYPOINT ["./run.sh"]', 2, "replaces the image's entry point"),
        ("CMD python manage.py migrate && gunicorn a.wsgi", 2, "migrates each database once"),
        ("CMD while ! nc -z db 5432; do sleep 1; done; gunicorn a", 2, "The image waits"),
        ("CMD timeout 9 bash -c '</dev/tcp/db/5432' && gunicorn a", 2, "The image waits"),
        ("CMD ./wait-for-it.sh db:5432 -- gunicorn a", 2, "The image waits"),
        ('CMD ["python", "manage.py", "collectstatic"]', 2, "collects static files"),
        ("CMD gunicorn a.wsgi --workers 2", 0, ""),
        ("WORKDIR /code\nCOPY . /code\nEXPOSE 8000", 0, ""),
        ('ENTRYPOINT ["/opt/backend/bin/docker-entrypoint.sh"]', 0, ""),
    ],
)
def test_lines_of_a_dockerfile_are_listed(line: str, number: int, problem: str):
    text = line if line.startswith("FROM") else f"FROM hackoregon/backend-docker-django\n{line}\n"
    found = list(containers.list_findings("Dockerfile", text, is_spatial=False))
    assert [each.line for each in found] == ([number] if number else [])
    assert all(problem in each.message for each in found)
    assert list(containers.list_findings("nginx/Dockerfile", "FROM nginx", is_spatial=False)) == []


@pytest.mark.parametrize(
    ("service", "line", "problem"),
    [
        ("image: postgres:16", 3, "postgres:16 does not include PostGIS"),
        ("image: postgis/postgis:10-2.5", 3, "is too old: Django 5.2 needs 14"),
        ("image: postgis/postgis:16-3.4", 0, ""),
        ("volumes:\n      - ./src_files", 4, "The volume ./src_files names no folder"),
        ("volumes:\n      - .:/code", 0, ""),
        ("entrypoint: ./docker-entrypoint.sh", 3, "replaces the image's entry point"),
        ("command: ./wait-for db:5432 -- gunicorn a.wsgi", 3, "The image waits"),
        ("command: python manage.py runserver 0.0.0.0:8000", 0, ""),
    ],
)
def test_lines_of_a_compose_file_are_listed(service: str, line: int, problem: str):
    text = f"services:\n  a:\n    {service}\n"
    found = list(containers.list_findings("docker-compose.yml", text, is_spatial=True))
    assert [each.line for each in found] == ([line] if line else [])
    assert all(problem in each.message for each in found)


def test_packages_of_a_dockerfile_that_the_image_lacks_stay(tmp_path: Path):
    files = {
        **django("a", database="{}", last=""),
        "docker/Dockerfile": "FROM python:3.12\nRUN apt-get install -y gettext libpq-dev\n"
        "RUN pip install -r requirements/live.txt -r requirements/dev.txt\n",
        "requirements/base.txt": "",
        "requirements/live.txt": "",
    }
    main(["--force", str(repository(tmp_path, files))])
    dockerfile = (tmp_path / "Dockerfile").read_text()
    assert "apt-get install --yes --no-install-recommends gettext \\\n" in dockerfile
    assert "--requirement requirements/live.txt\n" in dockerfile


def test_a_package_from_github_is_an_archive_because_the_image_has_no_git(tmp_path: Path):
    lock = UV.format("site", "1", "virtual")
    lock += (
        '[[package]]\nname = "b"\nversion = "1"\nsource = { git = "https://github.com/a/b#1" }\n'
    )
    files = {
        **django("a", database="{}", last=""),
        "pyproject.toml": "[project]\nname = 'site'\n[tool.uv]\nrequired-version = '==0.11.*'\n",
        "uv.lock": lock,
    }
    main([str(repository(tmp_path, files))])
    dockerfile = (tmp_path / "Dockerfile").read_text()
    assert "RUN pip install --no-cache-dir 'uv==0.11.*'\n" in dockerfile
    command = re.search(r"^RUN sed -E -i ('.+') requirements\.txt$", dockerfile, re.MULTILINE)
    asked = "b @ git+https://github.com/a/b.git@1f#egg=b ; python_version > '3'\n"
    done = subprocess.run(
        ["bash", "-c", f"sed -E {command[1]}"], input=asked, capture_output=True, text=True
    )
    assert done.stdout == asked.replace(
        "git+https://github.com/a/b.git@1f", "https://github.com/a/b/archive/1f.tar.gz"
    )


def test_the_exported_requirements_lack_the_packages_of_the_image(tmp_path: Path):
    main(["--force", str(repository(tmp_path / "p", PIPENV.files))])
    dockerfile = (tmp_path / "p/Dockerfile").read_text()
    script = dockerfile[dockerfile.index("sed -E 's,") : dockerfile.index("\n# Keeps the versions")]
    (tmp_path / "constraints.txt").write_text("django>=5.2.19,<5.3\nasgiref>=3.8.1\nidna!=3.1\n")
    kept = "django-filter==1\nrequests[x]==2 ; a == 'b'\npsycopg2-pool==1\n"
    dropped = "Django==3.1.14\ndjango[argon2]==3\nasgiref==3\npsycopg2==2.9\nidna==2\n"
    (tmp_path / "all.txt").write_text(f"-i https://pypi.org/simple\n{kept}{dropped}")
    env = {"UV_CONSTRAINT": "constraints.txt", "PATH": os.environ["PATH"]}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "requirements.txt").read_text() == f"-i https://pypi.org/simple\n{kept}"


def test_passwords_with_special_characters_are_quoted_for_compose(tmp_path: Path):
    database = '{"HOST": "db", "NAME": "a b", "USER": "u", "PASSWORD": "pa$w\'d"}'
    main([str(write(tmp_path, django("a", database=database, last="")))])
    env = (tmp_path / ".env").read_text()
    assert "POSTGRES_DB='a b'\nPOSTGRES_USER=u\nPOSTGRES_PASSWORD='pa$w\\'d'\n" in env


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (
            {"Procfile": "web: daphne -p $PORT a.asgi:app\n"},
            '["daphne", "-p", "8000", "a.asgi:app"]',
        ),
        ({"Procfile": "web: gunicorn -c g.py a.wsgi\n"}, '["gunicorn", "-c", "g.py", "a.wsgi"]'),
        ({"gunicorn.conf.py": "threads = 2\n"}, '["gunicorn", "a.wsgi"]'),
        ({"Procfile": "web: gunicorn a.wsgi --log-file -\n"}, ""),
        (
            {"Dockerfile.web": 'FROM python\nCMD ["uvicorn", "a.asgi:app", "--reload"]\n'},
            '["uvicorn", "a.asgi:app"]',
        ),
        (
            {
                "start.sh": "pip install uvicorn x\nexec gunicorn -w $N -k uvicorn.workers.X \\\n"
                '  a.asgi --bind "0.0.0.0:${PORT:-80}" --log-level=$LEVEL\n'
            },
            '["gunicorn", "-k", "uvicorn.workers.X", "a.asgi", "--bind", "0.0.0.0:8000"]',
        ),
        ({"docker-compose.dev.yml": "services:\n  a:\n    command: daphne a.asgi:app\n"}, ""),
        ({"Procfile": "web: ./start $PORT && x\n"}, ""),
    ],
)
def test_the_command_is_that_of_the_team_if_the_image_s_would_differ(
    tmp_path: Path, files: dict[str, str], command: str
):
    main([str(write(tmp_path, {**django("a", database="{}", last=""), **files}))])
    dockerfile = (tmp_path / "Dockerfile").read_text()
    assert dockerfile.endswith(f"\n\nCMD {command}\n") if command else "CMD" not in dockerfile
    is_port_set = "PORT: 8000" in (tmp_path / "docker-compose.yml").read_text()
    assert is_port_set is ("Procfile" in files)


# --- What the new files take from the project's own -----------------------------------------

TEAM_COMPOSE = """\
x-app: &app
  build: .
services:
  web:
    <<: *app
    command: gunicorn a.wsgi
    environment:
      CACHE: ${CACHE_HOST:-cache}:11211
      REGION: west
      API_TOKEN: abc
  worker:
    <<: *app
    command: celery -A a worker
  setup:
    <<: *app
    command: python manage.py migrate
  queue:
    image: rabbitmq:4
    environment:
      - RABBITMQ_DEFAULT_USER=${QUEUE_USER}
    volumes:
      - queue:/var/lib/rabbitmq
      - ./rabbit.conf:/etc/rabbit.conf
  cache:
    image: memcached:1
  mail:
    image: mailpit
  db:
    image: postgres:16
"""
TEAM_SETTINGS = """import os
A = os.environ.get("CACHE", "localhost")
B = os.environ["REGION"]
C = os.environ["API_TOKEN"]
D = os.environ["BROKER_URL"]
E = os.environ.get("OTHER", "x")
"""


def test_workers_brokers_and_values_come_from_the_team_s_compose_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    files = {
        **django("a", database="{}", last="", first=TEAM_SETTINGS),
        "compose.yaml": TEAM_COMPOSE,
        ".env.example": "QUEUE_USER=bunny\nBROKER_URL=amqp://bunny@queue # for Celery\nOTHER=y\n",
    }
    main(["--force", str(repository(tmp_path, files))])
    written = (tmp_path / "compose.yaml").read_text().replace("!reset ", "")
    services = yaml.safe_load(written)["services"]
    assert list(services) == ["api", "worker", "queue", "cache", "db"]
    assert services["worker"]["command"] == ["celery", "-A", "a", "worker"]
    assert services["worker"]["environment"] == {"ROLE": "worker"}
    assert services["queue"]["environment"] == ["RABBITMQ_DEFAULT_USER=bunny"]
    assert services["queue"]["volumes"] == ["queue:/var/lib/rabbitmq"]
    assert list(services["api"]["depends_on"]) == ["db", "queue", "cache"]
    assert list(yaml.safe_load(written)["volumes"]) == ["data", "db", "queue"]
    env = (tmp_path / ".env").read_text()
    assert "\nCACHE=cache:11211\nREGION=west\n" in env
    assert "line 4, needs it.\nAPI_TOKEN=\nBROKER_URL=amqp://bunny@queue\n" in env
    assert "\n#OTHER=\n" in env
    output = capsys.readouterr().out
    problem = "The API does not start without these variables: API_TOKEN (a/settings.py, line 4)."
    assert (".env", 1, problem) in listed(output)
    lacking = "The new Compose file does not have the services mail."
    assert ("compose.yaml", 1, lacking) in listed(output, "Good to know:")


def test_redis_comes_with_a_variable_for_it(tmp_path: Path):
    first = 'import os\nA = os.environ.get("REDIS_URL")'
    main([str(write(tmp_path, django("a", database="{}", last="", first=first)))])
    services = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())["services"]
    assert services["redis"]["image"] == "redis:8"
    assert "\nREDIS_URL=redis://redis:6379/0\n" in (tmp_path / ".env").read_text()


def test_a_compose_file_for_developers_is_only_read_without_another(tmp_path: Path):
    files = {"docker-compose.dev.yml": TEAM_COMPOSE, "docker/stack.yml": "services:\n  a:\n"}
    assert containers.compose_files(files) == ["docker/stack.yml"]
    del files["docker/stack.yml"]
    assert containers.compose_files(files) == ["docker-compose.dev.yml"]


NODE = """\
ARG PYTHON=3.12
ARG NODE=24
FROM node:${NODE} AS styles
WORKDIR /build/styles
COPY styles/package.json ./
RUN npm ci && \\
    npm run build

# The application.
FROM python:${PYTHON}
WORKDIR /srv
COPY --chown=me --from=styles /build/dist ./web/static/dist
COPY --from=styles /build/map.json /maps/
RUN mkdir -p ./logs /srv/tmp/x /var/y
COPY src/ .
"""


def test_stages_that_build_files_stay_with_the_paths_of_the_new_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    files = {**django("a", database="{}", last="", folder="src/"), "Dockerfile": NODE}
    files["styles/package.json"] = "{}"
    main(["--force", str(repository(tmp_path, files))])
    dockerfile = (tmp_path / "Dockerfile").read_text()
    assert dockerfile.startswith(f"ARG IMAGE={IMAGE}\nARG NODE=24\n")
    stage = NODE[NODE.index("FROM node") : NODE.index("\n# The application.")]
    assert f"\n# From your Dockerfile.\n{stage}\nFROM ${{IMAGE}}\n" in dockerfile
    copied = "COPY --from=styles /build/dist /app/src/web/static/dist\n"
    assert f"\nCOPY . .\n{copied}COPY --from=styles /build/map.json /maps\n" in dockerfile
    assert "--mode=2775 src/logs src/tmp/x\n" in dockerfile
    assert "steps" not in capsys.readouterr().out


def test_stages_whose_files_are_elsewhere_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    files = {**django("a", database="{}", last=""), "docker/Dockerfile": NODE}
    main(["--force", str(repository(tmp_path, files))])
    assert "node" not in (tmp_path / "Dockerfile").read_text()
    (step,) = [place for place in listed(capsys.readouterr().out) if "steps" in place[2]]
    assert step[:2] == ("docker/Dockerfile", 6)


def test_the_settings_of_the_containers_win_over_those_for_developers(tmp_path: Path):
    plain = django("a", database="{}", last="")
    for file in ("manage.py", "a/wsgi.py"):
        plain[file] = plain[file].replace("a.settings", "a.settings.local")
    settings = plain.pop("a/settings.py")
    files = {
        **plain,
        "a/settings/local.py": settings,
        "a/settings/live.py": settings,
        "a/settings/test.py": settings,
        "Dockerfile.test": "FROM python\nENV DJANGO_SETTINGS_MODULE=a.settings.test\n",
        "Dockerfile": "FROM python\nENV DJANGO_SETTINGS_MODULE a.settings.live\n",
    }
    main(["--force", str(repository(tmp_path, files))])
    dockerfile = (tmp_path / "Dockerfile").read_text()
    assert "ENV DJANGO_SETTINGS_MODULE=a.settings.live\n" in dockerfile


@pytest.mark.parametrize(
    ("lock", "before", "after"),
    [
        ("cffi", "cffi==1.15.1 ; a == 'b'", "cffi>=1.17.0,<2 ; a == 'b'"),
        ("pandas", "Pandas[xml]==1.15.1", "Pandas[xml]>=2.2.3,<3"),
        ("psycopg-c", "psycopg-c==1.15.1 ; a == 'b'", "psycopg-binary>=1.15.1 ; a == 'b'"),
        ("uwsgi", "uWSGI==1.15.1", None),
        ("cffi", "cffi-other==1.15.1", "cffi-other>=1.15.1"),
        ("cffi", "other @ https://example.org/a==b.zip", "other @ https://example.org/a==b.zip"),
    ],
)
def test_the_dockerfile_corrects_a_lock(tmp_path: Path, lock: str, before: str, after: str | None):
    files = {
        **django("a", database="{}", last=""),
        "Pipfile": "",
        "Pipfile.lock": f'{{"default": {{"{lock}": {{"version": "==1.15.1"}}}}}}',
    }
    main([str(write(tmp_path, files))])
    dockerfile = (tmp_path / "Dockerfile").read_text()
    script = dockerfile[dockerfile.index("sed -E \\\n") :].partition(" \\\n    && cp")[0]
    (tmp_path / "requirements.txt").write_text(f"six\n{before}\n")
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True)
    lines = (tmp_path / "requirements.in").read_text().splitlines()
    assert [re.sub(" +;", " ;", line) for line in lines] == ["six", *([after] if after else [])]


# --- Which project ------------------------------------------------------------------------


def test_a_project_from_2019_gets_the_list_of_upgrade_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = copy_of_old_project(tmp_path)
    assert main([str(project)]) == 0
    assert git(project, "status", "--short") == ""
    output = capsys.readouterr().out
    assert "15 files to rewrite, 29 places to change by hand." in output
    assert output.endswith("To rewrite it, run upgrade.\n")


def test_a_folder_without_a_project_is_an_error(tmp_path: Path):
    with pytest.raises(StartupError, match=r"no manage\.py with the settings that it names"):
        main([str(tmp_path)])
    with pytest.raises(StartupError, match="does not exist"):
        main([str(tmp_path / "missing")])


def test_a_project_that_git_does_not_track_is_an_error(tmp_path: Path):
    project = repository(tmp_path, {"README.md": "New\n"})
    write(project, GUIDES["Heroku"].files)
    with pytest.raises(StartupError, match=r"Git does not track manage\.py"):
        main([str(project)])


@pytest.mark.parametrize(
    ("files", "chosen", "environment"),
    [
        ({}, "a.settings", ""),
        ({"a/settings/local.py": "", "a/settings/production.py": ""}, "a.settings", ""),
        (
            {"a/settings/production.py": "", "a/wsgi.py": 'x("DJANGO_SETTINGS_MODULE", '
             '"a.settings.production")\n', "a/settings.py": ""},
            "a.settings.production",
            "ENV DJANGO_SETTINGS_MODULE=a.settings.production\n",
        ),
        (
            {"a/settings/base.py": "", "a/settings/prod.py": "", "a/wsgi.py": "",
             "manage.py": "import os\n", "a/settings.py": None},
            "a.settings.prod",
            "ENV DJANGO_SETTINGS_MODULE=a.settings.prod\n",
        ),
    ],
)  # fmt: skip
def test_the_dockerfile_sets_the_settings_that_manage_py_does_not_name(
    tmp_path: Path,
    files: dict[str, str | None],
    chosen: str,
    environment: str,
    capsys: pytest.CaptureFixture[str],
):
    plain = django("a", database='{"ENGINE": "x"}', last="STATIC_ROOT = '/data/static'")
    project = {path: text for path, text in {**plain, **files}.items() if text is not None}
    main([str(repository(tmp_path, project))])
    output = capsys.readouterr().out
    assert output.startswith(f"Project: manage.py, with the settings {chosen}.\n")
    dockerfile = (tmp_path / "Dockerfile").read_text()
    assert dockerfile.endswith(f"COPY . .\n{environment and chr(10) + environment}")
    if environment:
        assert "manage.py" in {path for path, *_ in listed(output, "Good to know:")}


# --- Packages -----------------------------------------------------------------------------

UV = '[[package]]\nname = "{0}"\nversion = "{1}"\nsource = {{ {2} = "." }}\n'


@pytest.mark.parametrize(
    ("texts", "files", "install"),
    [
        ({"requirements.txt": "-r requirements/base.txt\n", "requirements/base.txt": "a\n"},
         ("requirements.txt", "requirements/base.txt"), "requirements.txt"),
        ({"requirements/dev.txt": "", "requirements/base.txt": "", "requirements/prod.txt":
          "-r base.txt\n-c ../c.txt\n", "c.txt": ""},
         ("requirements/prod.txt", "requirements/base.txt", "c.txt"), "requirements/prod.txt"),
        ({"requirements-dev.txt": "", "requirements_web.txt": ""},
         ("requirements_web.txt",), "requirements_web.txt"),
        ({"pyproject.toml": "[project]\nname = 'a'\n[dependency-groups]\nproduction = []\n",
          "uv.lock": "", "requirements.txt": ""}, ("pyproject.toml", "uv.lock"),
         "uv export --quiet --frozen --no-dev --group production --no-emit-project --no-hashes "
         "--project . --output-file all.txt"),
        ({"pyproject.toml": "[tool.poetry]\n"}, ("pyproject.toml",),
         "poetry lock --directory . && poetry export --without-hashes "
         "--directory . > all.txt"),
        ({"pyproject.toml": "[tool.poetry.group.prod]\n", "poetry.lock": ""},
         ("pyproject.toml", "poetry.lock"),
         "poetry export --with prod --without-hashes --directory . > all.txt"),
        ({"Pipfile": ""}, ("Pipfile",), "pipenv lock && pipenv requirements > all.txt"),
        ({"requirements.txt": "-r a.txt\nsix==1.16\n", "a.txt": "Django==4\n"},
         ("requirements.txt", "a.txt"), "uv pip compile --quiet --no-deps --no-header "
         '--no-annotate --override "$UV_CONSTRAINT" --output-file all.txt requirements.txt'),
        ({"requirements.txt": "Django==4\n"}, ("requirements.txt",), "requirements.txt"),
        ({"requirements.txt": "six==1.16\na @ https://b\n"}, ("requirements.txt",),
         "requirements.txt"),
        ({"setup.py": ""}, (), "editable"),
        ({"requirements.txt": "-e .\n", "setup.py": ""}, ("requirements.txt",), "requirements.txt"),
        ({"README.md": ""}, (), ""),
    ],
)  # fmt: skip
def test_packages_are_installed_from_every_form_of_requirements(
    texts: dict[str, str], files: tuple[str, ...], install: str
):
    chosen = packages.installation(texts, [""])
    assert chosen.files == files
    means = chosen.export or chosen.requirements or ("editable" if chosen.is_editable else "")
    assert means == install
    assert chosen.is_editable is ("setup.py" in texts)


def test_a_lock_is_exported_with_the_extras_and_in_the_folder_of_the_team():
    dockerfile = {
        "Dockerfile": "FROM python\nRUN uv sync --extra web --all-extras && x --extra y\n"
    }
    uv = {"pyproject.toml": "[project]\nname = 'a'\n", "uv.lock": "", **dockerfile}
    assert " --no-dev --extra web --all-extras --no-emit" in packages.installation(uv, [""]).export
    pipenv = packages.installation({"src/Pipfile": "", "src/Pipfile.lock": "{}"}, ["src"])
    assert pipenv.export == ("export PIPENV_PIPFILE=src/Pipfile && pipenv requirements > all.txt")


def test_an_extra_that_nobody_installs_is_not_needed():
    lock = UV.format("site", "1", "virtual") + (
        "[package.optional-dependencies]\nmysql = [{ name = 'mysqlclient' }]\n"
    )
    lock += UV.format("mysqlclient", "2.2", "registry")
    texts = {"pyproject.toml": "[project]\nname = 'site'\n", "uv.lock": lock}
    assert problems(texts) == []
    texts["Dockerfile"] = "FROM python\nRUN uv sync --extra mysql\n"
    assert "pip needs a compiler" in problems(texts)[0][2]


def problems(texts: dict[str, str], level: str = PROBLEM) -> list[tuple[str, int, str]]:
    found = packages.list_findings(texts, packages.installation(texts, [""]))
    return [(each.subject, each.line, each.message) for each in found if each.level == level]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Django==4.2.3", "django==4.2.3 conflicts with the image, which has django 5.2"),
        ("django>=6.0,<6.1", "conflicts with the image"),
        ("Django>=4.2", ""),
        ("django==5.2.99", ""),
        ("djangorestframework<3.15 # old", "djangorestframework<3.15 conflicts"),
        ("gunicorn==20.1.0 --hash=sha256:aa", "gunicorn==20.1.0 conflicts"),
        ("psycopg2==2.9.9", "psycopg2: building it needs a compiler"),
        ("psycopg[binary]==3.2.3", ""),
        ("uWSGI==2.0", "uwsgi: building it needs a compiler; the image serves the project"),
        ("mysqlclient==2.2", "To install mysqlclient, pip needs a compiler"),
        ("django-heroku", "django-heroku needs psycopg2"),
        ("cffi<1.15", "cffi<1.15 does not run on Python 3.13"),
        ("requests==2.31", ""),
    ],
)
def test_pins_that_pip_would_refuse_are_listed_by_line(line: str, problem: str):
    found = problems({"requirements.txt": f"# Ours\n{line}\n"})
    assert bool(found) is bool(problem)
    if problem:
        (path, number, message), *_ = found
        assert (path, number) == ("requirements.txt", 2)
        assert problem in message


def test_a_lock_lists_only_what_servers_need():
    lock = UV.format("site", "1", "virtual").replace(
        "source =", 'dependencies = [{ name = "cffi" }, { name = "django" }]\nsource ='
    ) + "".join(
        UV.format(*each, "registry")
        for each in [("cffi", "1.15.1"), ("django", "4.2.1"), ("pytest", "5.0")]
    )
    texts = {"pyproject.toml": "[project]\nname = 'site'\n", "uv.lock": lock}
    assert problems(texts) == []
    raised, others = problems(texts, WARNING)
    assert raised[:2] == ("uv.lock", 7)
    assert raised[2].endswith("or has no build for it: the Dockerfile installs cffi>=1.17.0,<2.")
    assert others[:2] == ("uv.lock", 11)
    assert "django 4.2.1 (image: 5.2." in others[2]


# --- Settings -----------------------------------------------------------------------------


def read(text: str, **others: str) -> settings.Settings:
    files = {
        "manage.py": 'x("DJANGO_SETTINGS_MODULE", "a.settings")',
        "a/settings.py": text,
        **{f"a/{name}.py": other for name, other in others.items()},
    }
    sources = {path: Source(path, content) for path, content in files.items()}
    project = django_projects.find(sources)
    assert project is not None
    return settings.read(sources, project)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("from pathlib import Path\nB = Path(__file__).resolve().parent.parent\n"
         "STATIC_ROOT = B / 'x' / 'y'", "/app/x/y"),
        ("import pathlib\nB = pathlib.Path(__file__).parents[1]\nSTATIC_ROOT = B.joinpath('x')",
         "/app/x"),
        ("import os\nB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
         "STATIC_ROOT = os.path.join(B, '..', 'x')", "/x"),
        ("import os\nB = os.path.dirname(__file__)\ndef root(*x):\n"
         "    return os.path.join(B, *x)\nSTATIC_ROOT = root('s', 't')", "/app/a/s/t"),
        ("STATIC_ROOT = '/vol/' + 'static'", "/vol/static"),
        ("STATIC_ROOT = 'static'", "/app/static"),
        ("STATIC_ROOT = STATIC_ROOT", None),
        ("STATIC_ROOT = unknown('x')", None),
    ],
)  # fmt: skip
def test_folders_of_settings_are_evaluated(text: str, path: str | None):
    assert read(text).folders.get("STATIC_ROOT") == path


@pytest.mark.parametrize(
    ("text", "name", "is_required"),
    [
        ("import os\nX = os.environ['A']", "A", True),
        ("from os import environ\nX = environ.get('A')", "A", False),
        ("import os\nX = os.getenv('A').split()", "A", True),
        ("import environ\nenv = environ.Env()\nX = env.bool('A')", "A", True),
        ("from .base import *\nX = env('A', default=1)", "A", False),
        ("import environ\nenv = environ.Env(A=(int, 3))\nX = env('A')", "A", False),
        ("from decouple import config\nX = config('A', cast=bool)", "A", True),
        ("from decouple import config\nX = config('A', default=1)", "A", False),
        ("import os\ndef need(name):\n    return os.environ[name]\nX = need('A')", "A", True),
        ("import os\ndef get(name):\n    return os.getenv(name)\nX = get('A')", "A", False),
        ("import os\nif x:\n    X = os.environ['A']", "A", False),
        ("import environ\nX = environ.Env().db('A')", "A", True),
        ("import environ\nX = environ.Env()('A', default=1)", "A", False),
    ],
)
def test_variables_are_found_with_or_without_a_default(text: str, name: str, is_required: bool):
    base = "from environ import Env\nenv = Env()\n"
    variable = read(text, base=base).variables[name]
    assert (variable.is_required, variable.setting) == (is_required, "X")


@pytest.mark.parametrize(
    ("value", "line", "problem"),
    [
        ("DEBUG = bool(os.getenv('DEBUG', f()))", 2, "treats DEBUG=false as true"),
        ("DEBUG = int(os.environ['DEBUG'])", 2, "treats DEBUG=false as true, or fails"),
        ("DEBUG = int(os.environ.get('DEBUG', 0))", 0, ""),  # `upgrade` corrects it
        ("DEBUG = os.environ.get('DEBUG') == 'true'", 0, ""),
        ("DEBUG = True\nDEBUG = False", 0, ""),
        ("if x:\n    DEBUG = True", 0, ""),
        ("LOGGING = {'handlers': {'a': {\n'class': 'logging.FileHandler'}}}", 3, "FileHandler"),
        ("DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}", 2, "is SQLite"),
        ("DATABASES = {'default': dict(ENGINE='x.postgresql', HOST='127.0.0.1')}", 2, "127.0.0.1"),
        ("DATABASES: dict = {'default': {'ENGINE': 'sqlite3'}}", 2, "is SQLite"),
        ("DATABASES = {'default': {'ENGINE': 'x.mysql', 'HOST': 'h'}}", 2, "no driver"),
        ("DATABASES = {'default': {'ENGINE': 'x.postgresql', 'HOST': c['h']}}", 2, "cannot tell"),
        ("import dj_database_url as u\nif x:\n    DATABASES = {'default': u.config()}\nelse:\n"
         "    DATABASES = {'default': {'ENGINE': 'sqlite3'}}", 6, "even if DATABASE_URL is set"),
        ("import environ\nDATABASES = {'default': {'ENGINE': 'sqlite3'}}\n"
         "DATABASES = {'default': environ.Env().db('DATABASE_URL')}", 0, ""),
        ("import dj_database_url as u\nURL = os.environ.get('URL')\n"
         "DATABASES = {'default': u.parse(URL)}", 0, ""),
    ],
)  # fmt: skip
def test_settings_that_a_person_must_decide_are_listed(value: str, line: int, problem: str):
    found = read(f"import os\n{value}\nSTATIC_ROOT = '/data/static'\n").findings
    listed = [(each.line, each.message) for each in found if each.level == PROBLEM]
    assert [number for number, _ in listed] == ([line] if line else [])
    assert all(problem in message for _, message in listed)


def test_settings_are_one_edit_at_the_end_unless_others_use_them():
    local = "from .base import *\nDATABASES = {'default': {'ENGINE': 'sqlite3'}}\n"
    base = "SECRET_KEY = 'x'\nALLOWED_HOSTS = []\nDEBUG = True\nif DEBUG:\n    A = 1\n"
    merged, debug = read(local, base=base).findings
    assert (merged.subject, merged.line) == ("a/settings.py", 2)
    assert "server. a/base.py, line 1: SECRET_KEY is in the code" in merged.message
    assert "Line 2: DATABASES is SQLite" in merged.message
    assert merged.details == (
        "import os",
        "import environ",
        'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]',
        'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")',
        'DATABASES = {"default": environ.Env().db("DATABASE_URL")}',
    )
    assert (debug.subject, debug.line) == ("a/base.py", 3)
    appended = read(f"{local}{chr(10).join(merged.details)}\n", base=base.replace("True", "False"))
    assert appended.findings == []


def test_a_secret_key_from_elsewhere_is_mentioned():
    (finding,) = read("c = load()\nSECRET_KEY = c['key']\n").findings
    assert (finding.level, finding.line) == (WARNING, 2)
    assert read("import os\nSECRET_KEY = os.environ['KEY']\n").findings == []


def test_the_scheme_of_a_url_says_whether_models_are_spatial(tmp_path: Path):
    files = django("a", database="environ.Env().db()", first="import environ", last="")
    models = "from django.contrib.gis.db import models\n"
    main([str(write(tmp_path / "gis", {**files, "shops/models.py": models}))])
    main([str(write(tmp_path / "plain", files))])
    assert "DATABASE_URL: postgis://" in (tmp_path / "gis/docker-compose.yml").read_text()
    assert "DATABASE_URL: postgres://" in (tmp_path / "plain/docker-compose.yml").read_text()


def test_the_url_has_no_tls_if_the_settings_ask_for_it_otherwise(tmp_path: Path):
    """The database of the Compose file has no certificate."""
    files = django("a", database="environ.Env().db()", first="import environ", last="'sslmode'")
    main([str(write(tmp_path, files))])
    compose = (tmp_path / "docker-compose.yml").read_text()
    assert "@db:5432/${POSTGRES_DB}?sslmode=disable\n" in compose


def test_commands_of_the_old_entry_point_are_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    files = dict(OWN_ENTRYPOINT.files)
    files["app/entrypoint.sh"] += "python manage.py create_roles\n"
    main(["--force", str(repository(tmp_path, files))])
    problem = "This script runs python manage.py create_roles, and the new containers do not."
    notes = listed(capsys.readouterr().out, "Good to know:")
    assert [note for note in notes if "entrypoint" in note[0]] == [
        ("app/entrypoint.sh", 8, problem)
    ]


def test_a_variable_of_python_s_images_is_set_if_the_code_needs_it(tmp_path: Path):
    files = django("a", database="{}", last="")
    files["a/views.py"] = 'import os\nversion = os.environ["PYTHON_VERSION"]\n'
    main([str(write(tmp_path, files))])
    assert "\nENV PYTHON_VERSION=3." in (tmp_path / "Dockerfile").read_text()


def test_old_packages_find_the_setuptools_of_their_python(tmp_path: Path):
    files = {**django("a", database="{}", last=""), "requirements.txt": "six\n"}
    files["a/x.py"] = "import pkg_resources\n"
    files["runtime.txt"] = "python-3.12.1\n"
    main([str(repository(tmp_path / "new", files))])
    assert "setuptools" not in (tmp_path / "new/Dockerfile").read_text()
    files["runtime.txt"] = "python-3.8.1\n"
    main([str(repository(tmp_path / "old", files))])
    dockerfile = (tmp_path / "old/Dockerfile").read_text()
    assert "--no-cache-dir 'setuptools<81' --requirement requirements.txt\n" in dockerfile
    git(tmp_path / "old", "add", "--all")
    assert Run(tmp_path / "old", None).result().findings == []


def test_a_package_with_the_name_of_the_image_s_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    main([str(write(tmp_path, django("backend", database="{}", last="")))])
    problem = "The package of the image is called backend too, and hides this one."
    assert ("backend/__init__.py", 1, problem) in listed(capsys.readouterr().out)


# --- Rules that upgrade has for it ----------------------------------------------------------


def code(folder: Path, files: dict[str, str]) -> list[tuple[str, int, str, str]]:
    plain = django("a", database="{}", last="")
    found = Run(write(folder, {**plain, **files}), None).result().findings
    return [(each.subject, each.line, each.message, each.fix) for each in found]


def test_names_of_a_team_s_own_backend_package_are_not_missed(tmp_path: Path):
    files = {"backend/__init__.py": "", "backend/x.py": "from backend.shops import Shop\nShop()\n"}
    assert code(tmp_path / "own", files) == []
    (found,) = code(tmp_path / "other", {"b/x.py": files["backend/x.py"]})
    assert found[2] == "backend.shops no longer exists."


def test_an_import_that_nothing_uses_is_to_be_deleted(tmp_path: Path):
    (found,) = code(tmp_path, {"b.py": "import coreapi\n"})
    assert found[3] == "Delete the import: nothing in this file uses it."


def test_colliding_basenames_get_a_free_name(tmp_path: Path):
    urls = (
        'r.register("oaks", Tree, basename="tree")\nr.register("old-oaks", Tree, basename="tree")\n'
        'r.register("oaks", Tree, basename="tree")\nr.register("x", Tree, basename="oaks")\n'
    )
    found = code(tmp_path, {"shops/urls.py": urls})
    assert [re.findall(r'basename="(.+?)"', fix) for *_, fix in found] == [
        ["old-oaks"],
        ["shops-oaks"],
    ]


def test_names_of_filters_become_field_names():
    before = "import django_filters as f\na = f.CharFilter(name='x', label='y')\nb = Z(name='x')\n"
    text, done = rewrites.rewrite("filters.py", before)
    assert text == before.replace("name='x', l", "field_name='x', l")
    assert done == ["name= of django-filter's filters becomes field_name="]


def test_advice_for_the_image_s_own_settings_is_not_for_others(tmp_path: Path):
    """STATIC_ROOT in the code, and REST_FRAMEWORK without permissions, are the project's choice."""
    last = 'STATIC_ROOT = BASE_DIR / "static"\nREST_FRAMEWORK = {"PAGE_SIZE": 3}'
    files = django("a", database="{}", last=last)
    assert Run(write(tmp_path, files), None).result().findings == []


def test_settings_of_these_tests_are_valid_python():
    assert "{name}" in SETTINGS
    for guide in GUIDES.values():
        for path, text in guide.files.items():
            if path.endswith(".py"):
                compile(text, path, "exec")
