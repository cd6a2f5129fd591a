"""The files of a project with each option are valid, and name nothing that was left out."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from backend.kit.startproject import names, plan
from backend.kit.startproject.__main__ import main
from tests.conftest import commit_all, crlf_checkout
from tests.support.containers import docker

ROOT = Path(__file__).resolve().parents[3]
DATABASES = ("--database", "census:counts", "--database", "land")
# Words that only a project with that option has. PostGIS is every project's database.
WORDS = {
    "geometry": re.compile(
        r"geo(?!\.lock)|(?<!post)(?<!re)gis|spatial|(?<!entry)point|line_?string|polygon|\bmap\b|bbox",
        re.IGNORECASE,
    ),
    "databases": re.compile(r"in_db|\bsql/|census|database/|ReadOnly|\bland\b"),
    "proxy": re.compile(r"nginx|proxy|replica", re.IGNORECASE),
}
# Lines with these words are about the image or the server, not about this project.
EXCUSED = {"geometry": ("GeoDjango",)}
# In this file, the words mean something else: `geo` and `map` are directives of nginx.
FOREIGN = {"proxy/nginx.conf.template"}


def write(folder: Path, *arguments: str) -> Path:
    """Create a project in ``folder`` with the program's main(), and return its path."""
    main([*arguments, "--into", str(folder)])
    return folder / arguments[0]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[frozenset[str], Path]:
    """A project for each combination of options."""
    made = {}
    for choice in itertools.product((True, False), repeat=3):
        has = frozenset(itertools.compress(("geometry", "databases", "proxy"), choice))
        arguments = [] if "geometry" in has else ["--no-geometry"]
        arguments += DATABASES if "databases" in has else []
        arguments += [] if "proxy" in has else ["--no-proxy"]
        folder = tmp_path_factory.mktemp("-".join(sorted(has)) or "plain")
        made[has] = write(folder, "my-api", "--app", "transit", *arguments)
    return made


def files(project: Path) -> dict[str, str]:
    return {
        path.relative_to(project).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(project.rglob("*"))
        if path.is_file()
    }


def run(*command: str | Path, folder: Path) -> None:
    """Run a linter that is installed next to this Python. A failure contains its output."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{folder}: {command}\n{done.stdout}{done.stderr}"


def test_python_is_clean(projects: dict[frozenset[str], Path]) -> None:
    for project in projects.values():
        run("ruff", "check", "--no-cache", folder=project)
        run("ruff", "format", "--no-cache", "--check", folder=project)


def test_yaml_dockerfiles_and_scripts_are_clean(projects: dict[frozenset[str], Path]) -> None:
    folders = list(projects.values())
    run("yamllint", "--strict", "--config-file", ROOT / ".yamllint", *folders, folder=ROOT)
    dockerfiles = [path for folder in folders for path in folder.rglob("Dockerfile")]
    run("hadolint", *dockerfiles, folder=ROOT)
    scripts = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix == ".sh" or path.parent.name == "bin")
    ]
    run("shellcheck", "--shell=bash", *scripts, folder=ROOT)
    run("shfmt", "--indent", "2", "--case-indent", "--diff", *scripts, folder=ROOT)


def test_a_checkout_with_crlf_is_the_same(
    projects: dict[frozenset[str], Path], tmp_path: Path
) -> None:
    everything = projects[max(projects, key=len)]
    repository = shutil.copytree(everything, tmp_path / "repository")
    commit_all(repository)
    crlf_checkout(repository, tmp_path / "checkout")


def test_ci_files_are_what_travis_and_github_read(projects: dict[frozenset[str], Path]) -> None:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema")
    travis = {project / ".travis.yml" for project in projects.values()}
    run(*check, "vendor.travis", *travis, folder=ROOT)
    github = {project / ".github/workflows/test.yml" for project in projects.values()}
    run(*check, "vendor.github-workflows", *github, folder=ROOT)


def test_no_file_has_traces_of_its_template(projects: dict[frozenset[str], Path]) -> None:
    for project in projects.values():
        for name, text in files(project).items():
            place = f"{project}/{name}"
            assert "app_name" not in place and "ALIAS" not in place  # noqa: PT018
            assert not re.search(r"\{%|%\}|\{#|\{\{ ", text), place
            assert text == "" or text[0] != "\n", place
            assert text == "" or re.search(r"[^\n]\n\Z", text), place
            assert not re.search(r"[ \t]+$", text, re.MULTILINE), place
            # Python has two blank lines between functions, and ruff checks them.
            assert name.endswith(".py") or "\n\n\n" not in text, place
            if name.endswith(".json"):
                json.loads(text)


@pytest.mark.parametrize("option", WORDS)
def test_what_was_left_out_is_in_no_file(projects: dict[frozenset[str], Path], option: str) -> None:
    without = [project for has, project in projects.items() if option not in has]
    for project in without:
        for name, text in files(project).items():
            lines = [
                line
                for line in f"{name}\n{text}".splitlines()
                if name not in FOREIGN
                and WORDS[option].search(line)
                and not any(word in line for word in EXCUSED.get(option, ()))
            ]
            assert not lines, f"{project}/{name}"


def test_secrets_differ_and_are_nowhere_but_in_env(tmp_path: Path) -> None:
    first, second = (
        files(write(tmp_path, name, "--database", "land")) for name in ("first", "second")
    )
    secrets = [
        dict(re.findall(r"^(\w*(?:KEY|PASSWORD))=(.+)$", each[".env"], re.MULTILINE))
        for each in (first, second)
    ]
    assert {"DJANGO_SECRET_KEY", "POSTGRES_PASSWORD", "DJANGO_SUPERUSER_PASSWORD"} <= {*secrets[0]}
    values = [*secrets[0].values(), *secrets[1].values()]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 16
    assert len(secrets[0]["DJANGO_SECRET_KEY"]) >= 50
    for name, text in first.items():
        assert name == ".env" or not any(value in text for value in values), name


def test_only_its_owner_reads_env_and_only_programs_can_be_run(tmp_path: Path) -> None:
    project = write(tmp_path, "my-api")
    modes = {name: stat.S_IMODE((project / name).stat().st_mode) for name in files(project)}
    assert modes.pop(".env") == 0o600
    assert {name for name, mode in modes.items() if mode == 0o755} == {
        name for name, text in files(project).items() if text.startswith("#!")
    }
    assert set(modes.values()) == {0o644, 0o755}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (project, project / "my_api")} == {0o755}


def test_env_is_ignored_by_git(tmp_path: Path) -> None:
    project = write(tmp_path, "my-api")
    subprocess.run(["git", "init", "--quiet", project], check=True)
    status = ["git", "-C", project, "status", "--porcelain", "--untracked-files=all"]
    listed = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    assert "?? .env.example\n" in listed
    assert "?? .env\n" not in listed


@pytest.mark.engine
def test_build_context_has_only_what_the_dockerfile_copies(tmp_path: Path) -> None:
    project = write(tmp_path, "my-api")
    (project / "my_api/__pycache__").mkdir()
    (project / "my_api/__pycache__/models.cpython-313.pyc").touch()
    sent = tmp_path / "sent"
    docker(
        *("build", "--quiet", "--output", sent, "--file", "-", project),
        input="FROM scratch\nCOPY . /\n",
    )
    expected = {
        name
        for name in files(project)
        if name.startswith(("my_api/", "local_settings/", "requirements"))
        and "__pycache__" not in name
    }
    assert set(files(sent)) == expected
    assert "my_api/models.py" in expected


@pytest.mark.engine
@pytest.mark.parametrize("option", ["--proxy", "--no-proxy"])
def test_migrations_run_in_one_container_that_publishes_no_port(
    tmp_path: Path, option: str
) -> None:
    """Even with several APIs, and while they run: ``--profile migrate up``."""
    project = write(tmp_path, "my-api", *([] if option == "--proxy" else [option]))
    for compose in (["--file", "docker-compose.yml"], []):
        command = ["compose", *compose, "--profile", "migrate", "config", "--format", "json"]
        env = {**os.environ, "REPLICAS": "3"}
        services = json.loads(docker(*command, cwd=project, env=env).stdout)["services"]
        migrate = services["migrate"]
        assert migrate.get("deploy", {}).get("replicas", 1) == 1
        assert not migrate.get("ports")
        assert migrate["command"][-1] == "migrate_databases"
        assert migrate["environment"]["POSTGRES_HOST"] == "db"


def test_without_a_suitable_python_bin_native_says_how_to_get_one(tmp_path: Path) -> None:
    project = write(tmp_path, "my-api")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname"):
        (programs / name).symlink_to(shutil.which(name))
    # Like Python 3.9, or Debian's Python without python3-venv.
    (programs / "python3").write_text(f"#!{programs}/bash\nexit 1\n")
    (programs / "python3").chmod(0o755)
    done = subprocess.run(
        [programs / "bash", project / "bin/native", "migrate"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r"ERROR: No Python 3\.11 or later with venv was found\.\nFIX:   .+\n", done.stderr
    )
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    ("folders", "error"),
    [
        # Compose uses an image that it built for an earlier project with this name.
        (["backend"], "This container's image is older than this project.* --build "),
        ([], "manage.py needs the image's code.* docker compose run --rm api python manage.py"),
    ],
    ids=["image of an earlier project", "no image"],
)
def test_manage_py_says_what_image_it_needs(tmp_path: Path, folders: list[str], error: str) -> None:
    project = write(tmp_path, "my-api")
    for name in folders:
        (tmp_path / "image" / name).mkdir(parents=True)
        (tmp_path / "image" / name / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=project,
        env={"PYTHONPATH": str(tmp_path / "image")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(rf"ERROR: {error}.*\n", done.stderr, re.DOTALL)
    assert re.fullmatch(r"ERROR: .+\nFIX:   .+\n", done.stderr)


def test_it_says_what_it_wrote_and_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write(tmp_path, "my-api")
    output = capsys.readouterr().out
    for name in files(project):
        assert f"\n  {name}\n" in output
    assert output.startswith(f"Wrote {len(files(project))} files into my-api:")
    assert "\n  cd my-api\n  docker compose up --build --detach --wait\n" in output
    assert "\nIts Dockerfile is built FROM hackoregoncivic/backend-docker-django" in output


def test_alias_with_the_name_of_a_file_of_the_app_replaces_no_file(
    tmp_path: Path,
) -> None:
    plain = files(write(tmp_path, "plain"))
    more = files(write(tmp_path, "more", "--database", "api", "--database", "project"))
    for name in ("test_api", "test_project"):
        assert more[f"more/tests/{name}.py"] == plain[f"plain/tests/{name}.py"].replace(
            "plain", "more"
        )
    assert {"more/tests/test_database_api.py", "more/tests/test_database_project.py"} <= {*more}


def test_two_templates_for_the_same_file_are_an_error(tmp_path: Path) -> None:
    for name in ("settings", "settings-tpl"):
        (tmp_path / name).touch()
    with pytest.raises(RuntimeError, match="both write settings"):
        plan.files(plan.Project("my-api", "my_api", []), tmp_path)


@given(
    chosen=st.lists(
        st.from_regex(r"[a-z][a-z0-9]{0,11}(_[a-z0-9]{1,12}){0,2}", fullmatch=True),
        min_size=2,
        max_size=5,
        unique_by=lambda name: name.replace("_", ""),
    )
)
@example(chosen=["a" * names.LONGEST, *(letter * names.LONGEST_ALIAS for letter in "bcd")])
@example(chosen=["a", "b", "c"])
@settings(max_examples=12, deadline=None)
def test_project_of_any_name_passes_its_own_linters(chosen: list[str]) -> None:
    """With names of any length, no line is too long, and no two lines should be one."""
    app, *aliases = chosen
    # Every other database has a schema.
    databases = [f"{alias}:s{alias}" if n % 2 else alias for n, alias in enumerate(aliases)]
    options = [part for database in databases for part in ("--database", database)]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            project = write(Path(folder), "my-api", "--app", app, *options)
        except SystemExit:
            reject()
        run("ruff", "check", "--no-cache", "--extend-select", "E501", folder=project)
        run("ruff", "format", "--no-cache", "--check", folder=project)


def failure(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        write(folder, *arguments)
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r"ERROR: .+\nFIX:   .+\n", printed.err)
    return printed.err


def test_nothing_is_overwritten_and_nothing_else_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my-api"
    (folder / "my_api").mkdir(parents=True)
    mine = {".env": "MINE=1\n", "my_api/models.py": "", "notes.txt": "mine\n"}
    for name, text in mine.items():
        (folder / name).write_text(text)
    (folder / "Dockerfile").symlink_to("nowhere")
    (folder / "local_settings").write_text("a file\n")
    error = failure(capsys, tmp_path, "my-api")
    for name in (".env", "Dockerfile", "local_settings", "my_api/models.py"):
        assert f"my-api/{name}" in error
    assert "notes.txt" not in error
    (folder / "Dockerfile").unlink()
    assert files(folder) == {**mine, "local_settings": "a file\n"}
    assert os.listdir(tmp_path) == ["my-api"]  # noqa: PTH208


def test_a_file_with_the_name_of_the_project_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my-api").write_text("mine\n")
    assert "my-api" in failure(capsys, tmp_path, "my-api")
    assert (tmp_path / "my-api").read_text() == "mine\n"


def test_a_folder_with_other_files_such_as_a_clone_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / "my-api"
    (folder / ".git").mkdir(parents=True)
    (folder / "LICENSE").write_text("mine\n")
    folder.chmod(0o700)
    project = write(tmp_path, "my-api")
    assert (project / "LICENSE").read_text() == "mine\n"
    assert (project / "my_api/models.py").is_file()
    assert (project / ".git").is_dir()
    assert stat.S_IMODE(project.stat().st_mode) == 0o700
    assert os.listdir(tmp_path) == ["my-api"]  # noqa: PTH208


@pytest.mark.parametrize("exists", [False, True], ids=["new folder", "folder with files"])
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    exists: bool,
) -> None:
    if exists:
        (tmp_path / "my-api").mkdir()
        (tmp_path / "my-api/LICENSE").write_text("mine\n")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    rename, renamed = Path.rename, []

    def full(path: Path, target: Path) -> Path:
        renamed.append(path)
        if len(renamed) == (5 if exists else 1):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    assert "No space left on device" in failure(capsys, tmp_path, "my-api")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_without_a_mounted_folder_the_error_says_how_to_mount_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = failure(capsys, tmp_path / "project", "my-api")
    assert '-v "$PWD:/project"' in error


def test_a_template_that_names_what_does_not_exist_fails(tmp_path: Path) -> None:
    from backend.kit.startproject.render import render_file

    template = tmp_path / "file-tpl"
    template.write_text("{{ app_name }} {{ aplication }}\n")
    with pytest.raises(LookupError, match="file-tpl: the template names aplication"):
        render_file(template, {"app_name": "trees"})
