"""The command line: its arguments, and the report at the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.kit.startproject import names, plan, render, write
from backend.logs.ending import explained

MOUNTED = Path("/project")


def parser() -> argparse.ArgumentParser:
    """The options. Those of Django's own startproject have the same names."""
    made = argparse.ArgumentParser(
        prog="startproject",
        usage="startproject NAME [--app NAME] [--database ALIAS[:SCHEMA]]... "
        "[--no-geometry] [--no-proxy] [--image IMAGE]",
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
        folder = options.into / project.project_name
        write.write(folder, texts, {file.path: file.mode for file in planned})
    print(report(project, [file.path for file in planned]))


def _project(options: argparse.Namespace) -> plan.Project:
    project_name = names.project(options.name)
    derived = options.app is None
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
        "  docker compose exec api python manage.py loaddata example",
        "",
        "Then open http://localhost:8000. Passwords are in .env. README.md explains the rest.",
        f"Its Dockerfile is built FROM {project.image}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
