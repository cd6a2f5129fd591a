"""The versions that the image needs, and those that are installed: backend.conf.image_packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import packaging.requirements  # noqa: F401  before the tests replace sys.path
import pytest

from backend.conf import image_packages
from tests.conftest import ROOT

CONSTRAINTS = ROOT / "requirements" / "constraints.py"


def install(folder: Path, name: str, version: str, *requires: str) -> None:
    """Write what an installer writes about a package."""
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    fields = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    text = "\n".join(["Metadata-Version: 2.1", *fields, "", "Requires-Dist: the-readme"])
    (about / "METADATA").write_text(text + "\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that contains the only packages that are installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing.zip")])
    monkeypatch.setattr(image_packages, "CONSTRAINTS", tmp_path / "constraints.txt")
    return tmp_path


def wrong(packages: Path, *constraints: str) -> list[str]:
    (packages / "constraints.txt").write_text("\n".join(constraints) + "\n")
    return [each.problem for each in image_packages.wrong()]


@pytest.mark.parametrize(
    ("version", "constraint", "fits"),
    [
        ("26.2", ">=26.2,<27", True),
        ("26.10.1", ">=26.2,<27", True),
        ("25.1", ">=26.2,<27", False),
        ("27.0.0", ">=26.2,<27", False),
        ("26.5", ">=26.2,<27,!=26.5", False),
        ("26.5.0", ">=26.2,<27,!=26.5", False),
        ("26.2.post1", ">=26.2", True),
        ("1!26.2", ">=26.2", True),
        ("2.9.13", "==2.9.13", True),
        ("2.9.10", "==2.9.13", False),
    ],
)
def test_each_bound_of_a_constraint_is_compared(
    packages: Path, version: str, constraint: str, fits: bool
) -> None:
    install(packages, "django-filter", version)
    problem = f"django-filter is {version}; the image needs {constraint}."
    assert wrong(packages, f"django-filter{constraint}") == ([] if fits else [problem])


def test_missing_package_is_named_with_the_commands_that_do_not_remove_it(packages: Path) -> None:
    (packages / "constraints.txt").write_text("gunicorn>=27.0.1,<28\npsycopg2==2.9.13\n")
    (only,) = image_packages.wrong()
    assert only.problem == "gunicorn is missing; the image needs >=27.0.1,<28."
    for command in ("uv sync --inexact", "poetry install", "pip install"):
        assert command in only.fix
    with pytest.raises(SystemExit) as ended:
        image_packages.stop_if_missing()
    assert ended.value.code == f"ERROR: {only.problem}\nFIX:   {only.fix}"


def test_first_of_two_versions_counts_because_python_imports_it(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = packages / "first"
    monkeypatch.setattr(sys, "path", [str(first), *sys.path])
    install(first, "PyYAML", "4.2")
    install(packages, "PyYAML", "6.0.3")
    assert wrong(packages, "pyyaml>=5.1") == ["pyyaml is 4.2; the image needs >=5.1."]


def test_requirements_between_any_two_packages_are_compared(packages: Path) -> None:
    install(
        packages,
        "celery",
        "5.6.2",
        "kombu<6,>=5.6",
        "vine >=5.1 ; python_version > '3'",
        "billiard",
    )
    install(packages, "kombu", "4.6.11", "amqp; extra == 'amqp'", "tzdata; sys_platform == 'win32'")
    install(packages, "vine", "5.1.0", "~~~ a form of 2010")
    assert [each.problem for each in image_packages.unmet()] == [
        "celery 5.6.2 needs kombu<6,>=5.6, but kombu 4.6.11 is installed.",
        "celery 5.6.2 needs billiard, but no billiard is installed.",
    ]


def test_prerelease_and_egg_info_meet_a_requirement(packages: Path) -> None:
    install(packages, "client", "1.0", "kombu>=5.6", "old-style>=1")
    install(packages, "kombu", "5.7rc1")
    (packages / "old_style.egg-info").mkdir()
    (packages / "old_style.egg-info" / "PKG-INFO").write_text("Name: old-style\nVersion: 1.2\n")
    assert list(image_packages.unmet()) == []


def test_constraints_have_the_bounds_of_every_package_that_needs_another(tmp_path: Path) -> None:
    install(tmp_path, "drf-yasg", "1.21.18", "PyYAML>=5.1.0,!=5.4", "packaging<99")
    install(tmp_path, "djangorestframework-gis", "1.3.0", "djangorestframework>=3.12,<3.18.9")
    run = [sys.executable, str(CONSTRAINTS), "5.2"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    lines = dict(line.split(">=", 1) for line in done.stdout.splitlines() if ">=" in line)
    assert lines["djangorestframework"].endswith(",<3.18.9")
    assert lines["django"].endswith(",<5.3")
    assert lines["pyyaml"] == "5.1,!=5.4"
    assert "packaging<99" in done.stdout.splitlines()
    # Every line has a form that the start can compare.
    for line in done.stdout.splitlines():
        assert image_packages.LINE.fullmatch(line), line
