"""The command line: its arguments, and the report at the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.conf.errors import StartupError
from backend.kit.startproject import from_database, names, plan, render, write
from backend.logs.ending import explained
from backend.tables.project import inspect

MOUNTED = Path("/project")
SAMPLE = "  docker compose exec api python manage.py loaddata example"
# Which tables, functions, and schemas of the database.
TABLES = {
    "schema": ("schemas", "NAME", "a schema, instead of those of the search_path"),
    "table": ("tables", "GLOB", "only tables whose names match"),
    "exclude": ("exclude", "GLOB", "no tables whose names match"),
    "function": ("functions", "NAME", "a function that returns rows"),
    "srid": ("srid", "TABLE.COLUMN=SRID", "the system of a geometry column that declares none"),
}


def parser() -> argparse.ArgumentParser:
    """The options. Those of Django's own startproject have the same names."""
    made = argparse.ArgumentParser(
        prog="startproject",
        usage="startproject NAME [--app NAME] [--database ALIAS[:SCHEMA]]... "
        "[--no-geometry] [--no-proxy] [--image IMAGE]\n"
        "       startproject NAME --from-database [URL] [--schema NAME]... [--table GLOB]... "
        "[--exclude GLOB]... [--function NAME]... [--srid TABLE.COLUMN=SRID]... [--write]",
        description="Write a new project: an API of your own that runs with docker compose up.",
        epilog="It never overwrites a file.",
        allow_abbrev=False,
    )
    made.add_argument("name", metavar="NAME", help="the project and its folder, such as my-api")
    made.add_argument(
        "--app", metavar="NAME", help="the Django app in it (default: the project's name)"
    )
    made.add_argument(
        "--database",
        metavar="ALIAS[:SCHEMA]",
        action="append",
        default=[],
        help="another database, whose tables come from others, and a model for it; with :SCHEMA, a "
        "schema of the project's own database (can be repeated)",
    )
    _add_tables(made)
    made.add_argument("--no-geometry", action="store_true", help="without geometry fields")
    made.add_argument("--no-proxy", action="store_true", help="without an nginx proxy in front")
    made.add_argument(
        "--image",
        metavar="IMAGE",
        default=plan.IMAGE,
        help="the image in the FROM line of its Dockerfile: this image, under the tag that you "
        "pulled (default: %(default)s)",
    )
    made.add_argument("--into", type=Path, default=MOUNTED, help=argparse.SUPPRESS)
    return made


def _add_tables(parser: argparse.ArgumentParser) -> None:
    """The options for an API of tables that exist."""
    parser.add_argument(
        "--from-database",
        metavar="URL",
        nargs="?",
        const=f"env:{from_database.VARIABLE}",
        help="write an API for the tables of this database. Other users can read a command "
        "line. So without a URL, it comes from the variable DATABASE_URL, with env:NAME from "
        "another one, and with - from the input",
    )
    for name, (dest, metavar, text) in TABLES.items():
        parser.add_argument(
            f"--{name}",
            dest=dest,
            metavar=metavar,
            action="append",
            default=[],
            help=f"with --from-database: {text} (can be repeated)",
        )
    parser.add_argument(
        "--write",
        action="store_true",
        help="with --from-database: let people who log in write, where the role may",
    )


def main(arguments: list[str]) -> None:
    """Write the project and print a report, or two lines of error with exit code 1."""
    options = parser().parse_args(arguments)
    with explained():
        project = _project(options)
        write.check_root(options.into)
        planned = plan.files(project)
        context = project.context()
        texts = {
            file.path: render.render_file(file.template, context | file.extra) for file in planned
        }
        modes = {file.path: file.mode for file in planned}
        inspected = _inspected(options, project)
        if inspected:
            app = Path(project.app_name)
            files = {**inspected.files, **inspected.kept().texts()}
            texts |= {app / name: text for name, text in files.items()}
        write.write(options.into / project.project_name, texts, modes)
    if inspected:
        print(inspected.report(), end="\n\n")
    print(report(project, sorted(texts)))


def _inspected(options: argparse.Namespace, project: plan.Project) -> inspect.Inspected | None:
    """The code for the tables of --from-database."""
    wanted = {name: getattr(options, dest) for name, (dest, *_) in TABLES.items()}
    wanted["write"] = options.write
    if project.database_url:
        given = {TABLES.get(name, (name,))[0]: value for name, value in wanted.items()}
        chosen = inspect.Options(project.source_alias, **given)
        return from_database.inspected(project.database_url, chosen, project.app_name)
    for name, value in wanted.items():
        if value:
            raise StartupError(f"--{name} needs --from-database.", "Add it, or leave this out.")
    return None


def _project(options: argparse.Namespace) -> plan.Project:
    project_name = names.project(options.name)
    derived = options.app is None
    url = from_database.url(options.from_database) if options.from_database else ""
    if url and (options.database or options.no_geometry):
        raise StartupError(
            "--from-database goes neither with --database nor with --no-geometry.",
            "Leave out one of them. README.md of the project says how to add databases.",
        )
    app_name = names.app(
        project_name.replace("-", "_") if derived else options.app, derived=derived
    )
    return plan.Project(
        project_name=project_name,
        app_name=app_name,
        databases=names.databases(options.database, app_name),
        geometry=not options.no_geometry,
        proxy=not options.no_proxy,
        image=names.image(options.image),
        database_url=url and from_database.in_dotenv(url),
    )


def report(project: plan.Project, paths: list[Path]) -> str:
    """The written files, and the next commands."""
    lines = [f"Wrote {len(paths)} files into {project.project_name}:", ""]
    lines += [f"  {path}" for path in paths]
    lines += [
        "",
        "Next:",
        "",
        f"  cd {project.project_name}",
        "  docker compose up --build --detach --wait",
        *([] if project.database_url else [SAMPLE]),
        "",
        "Then open http://localhost:8000. Passwords are in .env. README.md explains the rest.",
        f"Its Dockerfile is built FROM {project.image}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
