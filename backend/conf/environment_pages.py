"""Writes docs/environment.md and .env.example from the table of variables.

``python -m backend.conf.environment_pages docs|example`` prints one of them."""

from __future__ import annotations

import sys

from backend.conf.variables import FORMS, UNITS, VARIABLES, Variable


def _shown_default(variable: Variable) -> str:
    if variable.default in (None, "", []):
        return ""
    if isinstance(variable.default, bool):
        return str(variable.default).lower()
    if isinstance(variable.default, list):
        return ",".join(variable.default)
    if variable.kind == "size":
        return f"{variable.default // UNITS['M']}MB"
    return str(variable.default)


def documentation() -> str:
    """docs/environment.md."""
    lines = [
        "# Environment variables",
        "",
        "<!-- Written by `python -m backend.conf.environment_pages docs`; a test compares. -->",
        "",
        "An empty variable counts as unset. Instead of `NAME`, you can set `NAME_FILE` to the path",
        "of a file that contains the value. If you set both, the start fails. It also fails if a",
        "value is invalid, and the error names the variable. The image warns about a name that is",
        "close to one of these.",
        "",
        "The image reads a `.env` file as Docker Compose does: `$NAME` and `${NAME:-default}`",
        "refer to other variables, ` #` begins a comment, and quotes can enclose spaces and line",
        "breaks. Single quotes keep every character: `POSTGRES_PASSWORD='pa$word9'`. `docker run",
        "--env-file` does none of this, and treats quotes as part of the value.",
    ]
    for group, variables in VARIABLES.items():
        lines += [
            "",
            f"## {group}",
            "",
            "| Variable | Kind | Default | Meaning |",
            "|---|---|---|---|",
        ]
        for variable in variables:
            default = _shown_default(variable)
            meaning = variable.help + (" Secret." if variable.secret else "")
            if variable.choices:
                meaning += f" One of {', '.join(variable.choices)}."
            cells = (f"`{variable.name}`", variable.kind, default and f"`{default}`", meaning)
            lines.append(f"| {' | '.join(cells)} |")
        if group == "Database":
            lines.append(
                "| `<ALIAS>_DATABASE_URL` | database URL |  | Another database, under the alias "
                "in lowercase: `CENSUS_DATABASE_URL` adds `census`. Secret. |"
            )
    lines += ["", "## Forms", ""]
    lines += [f"- **{kind}**: {form}." for kind, form in FORMS.items()]
    return "\n".join(lines) + "\n"


def example() -> str:
    """.env.example: every variable, commented out, with its default."""
    lines = [
        "# Copy to .env and set what you need. Put a value with $, #, or spaces in single quotes:",
        "# 'pa$word9'. (Not for docker run --env-file, which treats quotes as part of the value.)",
        "# Written by `python -m backend.conf.environment_pages example`.",
    ]
    for group, variables in VARIABLES.items():
        lines += ["", f"# --- {group}"]
        for variable in variables:
            lines += [f"# {variable.help}", f"#{variable.name}={_shown_default(variable)}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print({"docs": documentation, "example": example}[sys.argv[1]](), end="")
