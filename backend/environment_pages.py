"""docs/environment.md and .env.example: ``python -m backend.environment_pages docs|example``."""

from __future__ import annotations

import sys

from backend.environment import FORMS, UNITS, VARIABLES, Variable


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
        "<!-- Written by `python -m backend.environment_pages docs`; a test compares. -->",
        "",
        "An empty variable counts as unset. Every variable can be given as `NAME_FILE`, the path",
        "of a file that holds the value; both at once is an error. A value that cannot be read",
        "stops the start and names the variable; a name close to one of these is reported.",
        "",
        "A `.env` file is read as Docker Compose reads it: `$NAME` and `${NAME:-default}` stand",
        "for other variables, ` #` begins a comment, quotes enclose spaces and several lines.",
        "Single quotes keep every character: `POSTGRES_PASSWORD='pa$word9'`. `docker run",
        "--env-file` knows none of this, and takes quotes as part of the value.",
    ]
    for group in dict.fromkeys(variable.group for variable in VARIABLES):
        lines += [
            "",
            f"## {group}",
            "",
            "| Variable | Kind | Default | Meaning |",
            "|---|---|---|---|",
        ]
        for variable in VARIABLES:
            if variable.group != group:
                continue
            default = _shown_default(variable)
            meaning = variable.help + (" Secret." if variable.secret else "")
            if variable.choices:
                meaning += f" One of {', '.join(variable.choices)}."
            cells = (f"`{variable.name}`", variable.kind, default and f"`{default}`", meaning)
            lines.append(f"| {' | '.join(cells)} |")
        if group == "Database":
            lines.append(
                "| `<ALIAS>_DATABASE_URL` | database URL |  | A further database under the alias "
                "in small letters: `CENSUS_DATABASE_URL` makes `census`. Secret. |"
            )
    lines += ["", "## Forms", ""]
    lines += [f"- **{kind}**: {form}." for kind, form in FORMS.items()]
    return "\n".join(lines) + "\n"


def example() -> str:
    """.env.example: every variable, commented out, with its default."""
    lines = [
        "# Copy to .env and set what you need. A value with $, # or spaces goes in single quotes:",
        "# 'pa$word9'. (Not for docker run --env-file, which takes quotes as part of the value.)",
        "# Written by `python -m backend.environment_pages example`.",
    ]
    for group in dict.fromkeys(variable.group for variable in VARIABLES):
        lines += ["", f"# --- {group}"]
        for variable in VARIABLES:
            if variable.group == group:
                lines += [f"# {variable.help}", f"#{variable.name}={_shown_default(variable)}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print({"docs": documentation, "example": example}[sys.argv[1]](), end="")
