"""Errors that users read: one line says what is wrong and where, the other what to do."""

from __future__ import annotations

import errno
import functools
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from backend.conf import data_folder
from backend.conf.findings import PROBLEM, Finding
from backend.conf.secret_vocabulary import MASK, mask

PACKAGE = Path(__file__).resolve().parent.parent

# The errors of an operation that this user cannot do, or nobody: on a read-only file system.
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)

# Characters that end a line or control a terminal: C0, DEL, C1 (without tab), Unicode's line and
# paragraph separators, and bytes of a file's name that are not UTF-8.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class StartupError(Exception):
    """The application cannot start, and the user can correct the cause.

    Secrets in ``problem``, which can come from a message of a team's own code, are masked. ``fix``
    is the image's own text, which can contain the form of a URL with a password.

    ``str()`` of it is two lines::

        ERROR: /code/local_settings/settings.py, line 3: NameError: name 'ture' is not defined
        FIX:   Correct that line. DEBUG=true prints the whole traceback.
    """

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = mask(one_line(problem), MASK)
        self.fix = one_line(fix)
        super().__init__(self.problem, self.fix)
        # The file of a module that could not be loaded: runserver waits until that file changes.
        self.filename: str | None = None

    def __str__(self) -> str:
        return f"ERROR: {self.problem}\nFIX:   {self.fix}"


def one_line(text: object) -> str:
    """Fold a message of several lines, as libpq's and Django's are, into one."""
    return escaped(" ".join(str(text).split()))


def escaped(text: str) -> str:
    """The text with control characters escaped, so that a terminal shows them; lines stay."""
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def in_line(name: str) -> str:
    """The name of a file, which can contain any character, as part of a line."""
    return escaped(name).replace("\n", "\\n")


def findings_of(subject: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What the check finds, and that it fails itself where it does."""
    findings = []
    try:
        for finding in check():
            findings.append(finding)
    except (Exception, SystemExit) as error:  # noqa: BLE001  a team's code raises anything
        findings.append(finding_of(subject, error))
    return findings


def finding_of(subject: str, error: BaseException) -> Finding:
    """The error as a problem of ``subject``."""
    explained = explain(error)
    return Finding(PROBLEM, subject, explained.problem, explained.fix)


def explain(error: BaseException, file: Path | None = None) -> StartupError:
    """Turn an error from a team's own code into a StartupError that names its file and line.

    ``file`` is the file that was being loaded. The error names it if no frame of the traceback is
    in the team's code.
    """
    if isinstance(error, StartupError):
        return error
    path, line = _culprit(error)
    place = str(path or file or "the project")
    if line:
        place += f", line {line}"
    message = error.msg if isinstance(error, SyntaxError) else one_line(error)
    if package := _importer(error):
        message += f" (imported by the package '{package}')"
    elif (cause := _file_error(error)) not in (None, error):
        message += f": {cause}"
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        message = f"ends the process with exit code {error}"
    explained_error = StartupError(f"{place}: {type(error).__name__}: {message}", _fix_for(error))
    explained_error.__cause__ = error
    explained_error.filename = str(path) if path else None
    return explained_error


def _culprit(error: BaseException) -> tuple[Path | None, int | None]:
    if isinstance(error, SyntaxError) and error.filename:
        return Path(error.filename), error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if is_of_the_team(frame.filename):
            return Path(frame.filename), frame.lineno
    return None, None


@functools.lru_cache(maxsize=4096)
def is_of_the_team(file: str) -> bool:
    """Whether a file of a traceback belongs to the project, not to a package or this image."""
    path = Path(file)
    return path.is_file() and not _is_foreign(path)


def _is_foreign(path: Path) -> bool:
    """Whether a file belongs to Python, to an installed package or to this image."""
    path = path.resolve()
    paths = sysconfig.get_paths()
    foreign = [Path(paths[key]).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    launchers = {PACKAGE.parent / "manage.py", PACKAGE.parent / "gunicorn_conf.py"}
    return any(path.is_relative_to(folder) for folder in [*foreign, PACKAGE]) or path in launchers


def _file_error(error: BaseException) -> OSError | None:
    """The error for a file that this user cannot use, also as the cause of an error in LOGGING.

    The folder of a log file may be missing, too.
    """
    for each, numbers in ((error, NOT_ALLOWED), (error.__cause__, (*NOT_ALLOWED, errno.ENOENT))):
        if isinstance(each, OSError) and each.errno in numbers and each.filename is not None:
            return each
    return None


def is_unreadable(file: Path) -> bool:
    """Whether this user cannot read a file that exists, or cannot look for it."""
    hidden = os.access(file.parent, os.F_OK) and not os.access(file.parent, os.X_OK)
    is_there = os.access(file, os.F_OK) or hidden
    return is_there and not os.access(file, os.R_OK)


def _fix_for_file(file: Path) -> str:
    if is_unreadable(file):
        return "Make the file readable for the application's user: chmod a+r FILE."
    return data_folder.moved(file, "its path", f"/{file.name}") or data_folder.mounted()


def _importer(error: BaseException) -> str | None:
    """The installed package with the import that failed, such as one of a missing dependency.

    None if the project has that import, or if a setting names the module.
    """
    if not isinstance(error, ImportError) or error.name is None:
        return None
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    importers = [
        (str(frame.f_globals.get("__name__")), Path(frame.f_code.co_filename))
        for frame in frames
        if not frame.f_code.co_filename.startswith("<frozen")
    ]
    module, file = importers[-1] if importers else ("", Path())
    package = module.partition(".")[0]
    # importlib imports what a setting names, such as INSTALLED_APPS.
    if package in sys.stdlib_module_names or not _is_foreign(file) or file.is_relative_to(PACKAGE):
        return None
    return package


def _fix_for_package(package: str, error: ImportError) -> str:
    """For a package that cannot import what it needs."""
    if isinstance(error, ModuleNotFoundError):
        return (
            f"'{package}' is installed, but it needs '{error.name}': add the package that contains "
            f"'{error.name}' to your requirements.txt and build the image again."
        )
    return (
        f"The installed versions of '{package}' and '{error.name}' do not fit: change one of them "
        "in your requirements.txt and build the image again."
    )


def _fix_for(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, ImportError) and (package := _importer(error)):
        return _fix_for_package(package, error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return (
            f"Check the spelling of '{error.name}'. If it is a package, add '{package}' to your "
            "requirements.txt and build the image again."
        )
    if isinstance(error, ImportError):
        return "Check the spelling, and that the installed version of that package has this name."
    if isinstance(error, SyntaxError) and "codec can't decode" in error.msg:
        return "Save the file as UTF-8."
    if isinstance(error, SyntaxError):
        return "Correct the Python syntax on that line, or on the line before it."
    if isinstance(error, UnicodeDecodeError):
        return "Save the file as UTF-8."
    if (
        isinstance(error, KeyError)
        and frames
        and frames[-1].filename in ("<frozen os>", os.__file__)
    ):
        return f"Set the environment variable {error}, or read it with os.environ.get({error})."
    if (cause := _file_error(error)) is not None:
        return _fix_for_file(Path(os.fsdecode(cause.filename)))
    return "Correct that line. DEBUG=true prints the whole traceback."
