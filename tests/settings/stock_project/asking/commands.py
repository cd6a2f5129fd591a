"""Commands of Django and REST framework: their exit codes and their output.

They run through manage.py, on the database of the settings.
"""

import contextlib
import getpass
import os
import re
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

from asking import masked, note

HERE = Path.cwd()
COMMANDS = """
--version
help
help --commands
help migrate
nosuch
chekc
check
check --deploy
check --tag models shop
check nosuch
check --fail-level WARNING
makemigrations --check --dry-run
makemigrations shop --empty --name empty --dry-run
showmigrations
migrate --plan
migrate --check
migrate
migrate
showmigrations --plan shop
migrate shop zero
migrate shop
migrate shop 9999
sqlmigrate shop 0001
sqlmigrate shop 0001 --backwards
sqlmigrate nosuch 0001
sqlflush
sqlsequencereset shop
optimizemigration shop 0001 --check
inspectdb shop_item shop_shelf shop_paper
inspectdb nosuch
createcachetable --dry-run
createcachetable
loaddata goods
loaddata nosuch
dumpdata shop
dumpdata shop.item --format xml --indent 1
dumpdata shop.item --format jsonl
dumpdata nosuch
sums
sums --most 1
sums --most x
createsuperuser
createsuperuser --noinput --username chief --email chief@example.org
createsuperuser --noinput --username chief --email chief@example.org
createsuperuser --noinput
changepassword chief
changepassword nosuch
drf_create_token chief
generateschema --format openapi-json
sendtestemail a@example.org
diffsettings
findstatic shop/style.css
findstatic admin/css/base.css --first
findstatic nosuch.css
collectstatic --noinput --dry-run --verbosity 0
clearsessions
remove_stale_contenttypes --noinput
shell --command print(Item.objects.count())
shell --command nosuch
dbshell -- -version
startapp fresh
startapp shop
startproject another other
compilemessages --ignore backend*
makemessages --locale fr --ignore backend* --ignore asking* --ignore other*
test shop.tests --verbosity 2
test shop.tests.Broken
test shop.nosuch
test shop.tests.Assertions --parallel 1 --failfast --reverse --tag none
flush --noinput
dumpdata shop
testserver --noinput nosuch
""".strip().splitlines()


def ask_all(program):
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = "12345"
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115  commands cannot prompt, not even on a terminal
    getpass.getpass = lambda prompt="": "a word that nobody guesses"
    (HERE / "other").mkdir()
    (HERE / "locale").mkdir()
    for line in COMMANDS:
        command, _, rest = line.partition(" --command ")
        run(line, program, [*command.split(), *(["--command", rest] if rest else [])])
    for folder in ("fresh", "other"):
        written = {str(file.relative_to(HERE)): file.read_text() for file in files(folder)}
        note(f"manage.py wrote {folder}", {name: shown(text) for name, text in written.items()})
        shutil.rmtree(HERE / folder)


def files(folder):
    return sorted(file for file in (HERE / folder).rglob("*.py"))


def run(line, program, arguments):
    sys.argv = [program, *arguments]
    with captured() as read:
        try:
            runpy.run_path(program, run_name="__main__")
            code = 0
        except SystemExit as error:
            code = error.code
        except Exception as error:  # noqa: BLE001  a traceback on the terminal
            code = f"{type(error).__name__}: {error}"
        out, errors = map(shown, read())
    for test, outcome in re.findall(
        r"^(test_\S+ \(.+?\)) \.\.\. (?:.*\n)*?(ok|skipped .*|FAIL|ERROR)$", errors, re.M
    ):
        note(test, outcome)
    note(f"manage.py {line}", [code, out, errors])


@contextlib.contextmanager
def captured():
    """Capture the output to the terminal, including that of child processes."""
    kept = [(stream, os.dup(stream.fileno())) for stream in (sys.stdout, sys.stderr)]
    taken = [tempfile.TemporaryFile("w+") for _ in kept]  # noqa: SIM115  closed below
    try:
        for (stream, _), file in zip(kept, taken, strict=True):
            os.dup2(file.fileno(), stream.fileno())
        yield lambda: [read(*pair) for pair in zip(kept, taken, strict=True)]
    finally:
        for stream, before in kept:
            stream.flush()
            os.dup2(before, stream.fileno())
            os.close(before)


def read(kept, file):
    kept[0].flush()
    file.seek(0)
    return file.read()


def shown(text):
    text = masked(text.replace(str(HERE), "PROJECT"))
    text = re.sub(r"in \d+\.\d+s", "in SECONDS", text)
    return re.sub(r"(SECRET_KEY = ')[^']+", r"\1KEY", text)
