"""Runs every check of ``manage.py doctor``, even if others fail."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core import checks

from backend.boot import budget, data
from backend.boot.configuration import KEY_OF_SETTINGS, sentence
from backend.conf import project
from backend.conf.environment import Environment
from backend.conf.errors import StartupError, finding_of, findings_of, one_line
from backend.conf.findings import LEVELS, OK, PROBLEM, WARNING, Finding, worst_of
from backend.conf.masking import for_process
from backend.conf.variables import TABLE
from backend.config import server
from backend.doctor import databases, files, generated, machine, servers

# With these warnings of Django and of the image, a project is not ready for production:
# a weak key (or a weak fallback key), debug mode, no allowed host, SQLite.
PROBLEMS = ("security.W009", "security.W025", "security.W018", "security.W020", "backend.W003")
FIXES = {
    "security.W009": "Set DJANGO_SECRET_KEY to a long random text: "
    "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
    "security.W018": "Set DEBUG=false.",
    "security.W020": "Set ALLOWED_HOSTS to the host names of this API.",
    **dict.fromkeys(
        ("security.W004", "security.W008", "security.W012", "security.W016"),
        "Set BEHIND_PROXY=true if your own proxy terminates HTTPS.",
    ),
}
# For a project with its own settings: the setting that a message is about, and what to do with it.
OWN_FIXES = {
    "security.W009": ("SECRET_KEY", KEY_OF_SETTINGS),
    "security.W018": ("DEBUG", "Set DEBUG to False, or the variable that it is read from."),
    "security.W020": ("ALLOWED_HOSTS", "Set ALLOWED_HOSTS to the host names of this API."),
}
ADVICE = (
    "Set it in {file}, or name {id} in SILENCED_SYSTEM_CHECKS if it does not apply: "
    "https://docs.djangoproject.com/en/5.2/ref/checks/"
)
HOME = "/home/app"
SHOWN = ("level", "subject", "message", "fix")  # attributes of a finding in the JSON


def run(env: Environment) -> list[Finding]:
    """All findings, masked, in the order of the checks."""
    findings = [
        *findings_of("environment", lambda: _environment(env)),
        *findings_of("system checks", _system_checks),
        *findings_of("databases", lambda: _databases_and_limits(env)),
        *findings_of("static files", files.static_files),
        *findings_of("files", lambda: files.permissions(data.keeps_a_database())),
    ]
    masker = for_process(env, {name: getattr(settings, name) for name in dir(settings)})
    return [
        replace(one, message=masker.text(one.message), fix=masker.text(one.fix)) for one in findings
    ]


def _environment(env: Environment) -> Iterator[Finding]:
    unreadable = []
    for name in TABLE:
        try:
            env[name]
        except StartupError as error:
            unreadable.append(finding_of("environment", error))
    yield from unreadable
    for warning in env.warnings:
        yield Finding(WARNING, "environment", warning, "Put the value in single quotes in .env.")
    misspelled = env.misspelled()
    for name, meant in misspelled.items():
        message = f"{name} is set, but the image does not use it."
        yield Finding(WARNING, "environment", message, f"Did you mean {meant}? If not, unset it.")
    if not (misspelled or unreadable or env.warnings):
        yield Finding(OK, "environment", "all values are valid, and no name looks misspelled")


def _system_checks() -> Iterator[Finding]:
    """The messages of ``manage.py check --deploy``."""
    messages = [
        message
        for message in checks.run_checks(include_deployment_checks=True)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    for message in messages:
        level = PROBLEM if message.is_serious() or message.id in PROBLEMS else WARNING
        yield Finding(level, "check --deploy", sentence(message), one_line(_fix(message)))
    if not messages:
        yield Finding(OK, "check --deploy", "nothing to report")


def _fix(message: checks.CheckMessage) -> str:
    name = message.id or ""
    if project.has_own_settings():
        if name in OWN_FIXES:
            setting, text = OWN_FIXES[name]
            return f"{project.place_of(setting)}: {text}"
        file = sys.modules[os.environ[project.VARIABLE]].__file__
        return message.hint or ADVICE.format(id=name, file=file)
    return (
        FIXES.get(name) or message.hint or ADVICE.format(id=name, file="local_settings/settings.py")
    )


def _databases_and_limits(env: Environment) -> Iterator[Finding]:
    examinations = databases.examine_all()
    for examination in examinations:
        yield from examination.findings
    yield from servers.shared_migrations(examinations)
    answering = [each.alias for each in examinations if each.facts is not None]
    yield from findings_of(generated.SUBJECT, lambda: generated.changes(env, answering))
    values = {name: value for name, (value, _) in server.settings(env).items()}
    workers, threads = values["workers"], values["threads"]
    load = budget.Load(env["REPLICAS"], workers, threads, budget.has_streams())
    yield from servers.connection_budget(examinations, load)
    yield from machine.memory_and_cpu(workers)
    yield from machine.open_files(values["worker_connections"], threads, len(examinations))


def become_the_server() -> None:
    """If root, become the user of the container's first process: ``docker exec`` starts as root.

    Root's permissions say nothing about the server's, and the server could not write to files that
    SQLite creates as root.
    """
    first = Path("/proc/1").stat()
    if os.geteuid() != 0 or first.st_uid == 0:
        return
    # This needs CAP_SETUID. Without it, files.permissions reports that the command runs as root.
    with contextlib.suppress(PermissionError):
        os.setgroups([])
        os.setgid(first.st_gid)
        os.setuid(first.st_uid)
        try:
            os.environ["HOME"] = pwd.getpwuid(first.st_uid).pw_dir
        except KeyError:
            # libpq looks for certificates in HOME, and this user cannot read root's.
            os.environ["HOME"] = HOME


def as_text(findings: list[Finding]) -> str:
    """One line per finding with its fix below. The worst are last, just above the prompt."""
    lines = []
    for finding in sorted(findings, key=lambda one: LEVELS.index(one.level)):
        lines.append(f"{finding.level:<8} {finding.subject}: {finding.message}")
        if finding.fix:
            lines.append(f"{'':<8} FIX: {finding.fix}")
    counts = {level: sum(one.level == level for one in findings) for level in LEVELS}
    verdict = "not ready for production" if counts[PROBLEM] else "ready for production"
    lines.append(
        f"{verdict}; problems: {counts[PROBLEM]}, warnings: {counts[WARNING]}, ok: {counts[OK]}"
    )
    return "\n".join(lines)


def as_json(findings: list[Finding]) -> str:
    entries = [{name: getattr(one, name) for name in SHOWN} for one in findings]
    return json.dumps({"ready": worst_of(findings) != PROBLEM, "findings": entries}, indent=2)
