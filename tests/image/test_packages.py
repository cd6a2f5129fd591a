"""What a child image installs with pip, uv, Pipenv, or Poetry, and with or without a lock file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.containers import IMAGE, Containers
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

# uritemplate is not in the image's own requirements, but drf-yasg needs version 3.
DOWNGRADE = "uritemplate<3"
NEEDED = "uritemplate is 2.0.0; the image needs >=3."
PYPROJECT = """\
[project]
name = "team"
version = "1.0"
requires-python = ">=3.12"
dependencies = ["{}"]

[tool.poetry]
package-mode = false
"""
# The index that pip uses by default.
INDEX = "$(python -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')"


def build(
    containers: Containers, folder: Path, installer: str, *steps: str, requires: str = DOWNGRADE
) -> str:
    """A child image with the installer and a project, in which each step is a RUN."""
    (folder / "pyproject.toml").write_text(PYPROJECT.format(requires))
    lines = [
        f"FROM {IMAGE}",
        # The certificates of the machine that runs the tests, which pip uses too.
        "ENV UV_SYSTEM_CERTS=true REQUESTS_CA_BUNDLE=$PIP_CERT",
        f"RUN pip install --quiet {installer}",
        "COPY pyproject.toml ./",
        *(f"RUN {step}" for step in steps),
    ]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    return containers.build(folder)


def text_of(containers: Containers, image: str, file: str) -> str:
    return containers.run(file, image=image, options=["--entrypoint", "cat"]).stdout


def test_pip_and_uv_refuse_versions_that_the_image_or_its_packages_cannot_use(
    containers: Containers, tmp_path: Path
) -> None:
    image = build(
        containers,
        tmp_path,
        "uv",
        "! pip install 'djangorestframework<3.16' >/refused",
        "! pip install 'PyYAML<5' >>/refused",
        # A team's own constraints do not replace the image's.
        "echo 'packaging<27' >own && ! pip install 'packaging<21' --constraint own >>/refused",
        "! uv pip install 'djangorestframework<3.16' 2>/refused-by-uv",
        "! uv pip install 'packaging<21' 2>>/refused-by-uv",
    )
    refused = text_of(containers, image, "/refused")
    assert "The user requested djangorestframework<3.16" in refused
    # The bounds of djangorestframework-gis, too.
    assert "The user requested (constraint) djangorestframework<3.19,>=3.18.3" in refused
    assert "The user requested (constraint) pyyaml>=5.1" in refused
    assert "The user requested (constraint) packaging<27,>=21" in refused
    refused = text_of(containers, image, "/refused-by-uv")
    assert "djangorestframework>=3.18.3,<3.19" in refused
    assert "packaging>=21" in refused


def test_psycopg2_is_satisfied_by_the_binary_package(
    containers: Containers, tmp_path: Path
) -> None:
    """psycopg2 is a source package, which needs a compiler. Many packages name it."""
    image = build(
        containers,
        tmp_path,
        "uv",
        "pip install psycopg2 >/installed && pip check",
        "pip install 'psycopg2>=2.9,<3' >>/installed",
        "uv pip install psycopg2 2>>/installed",
        "pip install --dry-run django-heroku >>/installed",
        "! pip install psycopg2==2.8.6 >/refused",
        "! uv pip install psycopg2==2.9.9 2>>/refused",
        # The alias contains no code.
        "pip uninstall --yes psycopg2 && python -c 'import psycopg2' && python manage.py check",
    )
    installed = text_of(containers, image, "/installed")
    assert "Requirement already satisfied: psycopg2 in " in installed
    assert "Requirement already satisfied: psycopg2<3,>=2.9 in " in installed
    assert "Checked 1 package" in installed  # by uv
    assert "Would install dj-database-url-" in installed
    assert "psycopg2-2" not in installed
    refused = text_of(containers, image, "/refused")
    assert "The user requested psycopg2==2.8.6" in refused
    assert "The user requested (constraint) psycopg2==2.9." in refused
    assert "you require psycopg2==2.9.9 and psycopg2==2.9." in refused


def test_pipenv_refuses_a_lock_file_that_downgrades(containers: Containers, tmp_path: Path) -> None:
    image = build(
        containers,
        tmp_path,
        "pipenv",
        "printf '[packages]\\nuritemplate = \"<3\"\\n' >Pipfile && PIP_CONSTRAINT= pipenv lock",
        "! pipenv install --system --deploy 2>/refused",
        "! pipenv sync 2>/refused-by-sync",
    )
    for file in ("/refused", "/refused-by-sync"):
        refused = text_of(containers, image, file)
        assert "The user requested uritemplate==2.0.0" in refused
        assert "The user requested (constraint) uritemplate>=3" in refused


@pytest.mark.parametrize(
    ("installer", "lock", "install"),
    [
        ("uv", "uv lock", "uv sync --frozen --inexact"),
        # Without this source, Poetry asks for pages that mirrors do not have.
        ("poetry", f"poetry source add simple {INDEX} && poetry lock", "poetry install"),
    ],
)
def test_lock_file_that_downgrades_stops_the_build_at_a_command_and_the_start(
    containers: Containers, tmp_path: Path, installer: str, lock: str, install: str
) -> None:
    """Neither obeys constraints when it installs what a lock file says."""
    image = build(
        containers, tmp_path, installer, lock, install,
        "! python manage.py collectstatic --noinput 2>/refused",
    )  # fmt: skip
    fix = "change it to uritemplate>=3. If you have a lock file, update it."
    assert_two_lines(text_of(containers, image, "/refused"), NEEDED, "", fix)
    done = containers.run("gunicorn", "backend.wsgi", image=image)
    assert done.returncode == 1
    assert_two_lines(done.stderr, NEEDED, "", fix)


def test_sync_that_removed_the_packages_is_reported_before_an_import_fails(
    containers: Containers, tmp_path: Path
) -> None:
    image = build(
        containers, tmp_path, "uv", "uv lock && uv sync --frozen",
        "! python manage.py collectstatic --noinput 2>/refused",
        requires="packaging",
    )  # fmt: skip
    problem, fix = "django is missing; the image needs >=", "use `uv sync --inexact`"
    assert_two_lines(text_of(containers, image, "/refused"), "django", problem, fix)
    for command, code in (("gunicorn", 1), ("check", 2)):
        done = containers.run(command, image=image)
        assert done.returncode == code
        assert_two_lines(done.stderr, "django", problem, fix)


def test_python_version_file_does_not_replace_the_environment(
    containers: Containers, tmp_path: Path
) -> None:
    image = build(
        containers, tmp_path, "uv", "uv lock",
        "echo 3.12 >.python-version && ! uv sync --frozen --inexact 2>/refused",
        "python manage.py check",
    )  # fmt: skip
    refused = text_of(containers, image, "/refused")
    assert "No interpreter found for Python 3.12" in refused


def test_packages_of_a_team_that_do_not_fit_together_are_warnings(
    containers: Containers, tmp_path: Path
) -> None:
    """An upper bound can be too cautious, so the API starts."""
    step = "pip install --no-deps requests==2.28.0 urllib3==2.2.0 idna==3.4 certifi"
    image = build(containers, tmp_path, "uv", step)
    container = containers.start(image=image).wait_until_ready().may_log("requests 2.28.0 needs")
    log = container.logs()
    assert (
        "boot: WARNING: requests 2.28.0 needs urllib3<1.27,>=1.21.1, but urllib3 2.2.0 is "
        "installed. Put both in one requirements file, " in log
    )
    assert (
        "requests 2.28.0 needs charset-normalizer~=2.0.0, but no charset-normalizer is installed."
        in log
    )
