"""Contents of `.env` files, and how Docker Compose itself reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.containers import docker

BOM = "\ufeff"

# The text of each file, by what is special about it.
FILES = {
    "plain": "V=one two\n",
    "spaces around": "  V  =   one  \n",
    "tab": "V=\tone\t# two\n",
    "no-break space": "V=\u00a0one\u00a0\n",
    "byte order mark": f"{BOM}V=one\n",
    "byte order mark later": f"V=one{BOM}\n",
    "crlf": "V=one\r\nV_B=two\r\n",
    "lone carriage return": "V=one\rV_B=two\n",
    "no line end": "V=one",
    "empty": "V=\nV_B=''\nV_C=\"\"\nV_D=\r\n",
    "comments": "# V=no\nV=one # two\n\n   # three\nV_B=a#b\nV_C=#b\nV_D= # b\nV_E=a\t# b\n",
    "comment after quotes": "V='one' # two\nV_B=\"one # two\" # three\n",
    "double quotes": 'V="one  two"\nV_B=" one "\nV_C=o"n"e\nV_D="o\'ne"\n',
    "single quotes": "V='one  two'\nV_B='o\"ne'\nV_C=o'n'e\nV_D='o\\'ne'\n",
    "escapes": 'V="a\\nb\\tc\\rd"\nV_B="a\\\\nb"\nV_C="a\\"b"\nV_D="a\\qb\\c"\nV_E=a\\nb\n',
    "escapes in single quotes": "V='a\\nb'\nV_B='a\\\\nb'\nV_C='a\\\\'\n",
    "octal": 'V="\\0101\\0377\\012\\0"\n',
    "dollars": "V=$$one\nV_B=a$\nV_C='$one'\nV_D=\"\\$one\"\nV_E=$9\n",
    "a password": "V='pa$word9'\nV_B=pa$word9\nV_C=\"pa$word9\"\nV_D=pa$$word9\n",
    "references": "V=a\nV_B=$V-${V}\nV_C=\"$V\"\nV_D='$V'\nV_E=$V$GIVEN.${GIVEN}$W\nW=1\n",
    "defaults": (
        "V=\nV_B=${V:-a b}\nV_C=${V-a}\nV_D=${NONE-a}\nV_E=${NONE:-${GIVEN}x}y\n"
        "V_F=${GIVEN:+set}\nV_G=${V:+set}\nV_H=${V+set}\nV_I=${GIVEN:?no}\nV_J=${NONE:-}\n"
    ),
    "several lines": "V=\"one\ntwo # three\n\nfour\"\nV_B='five\nsix'\nV_C=seven\n",
    "several lines with crlf": 'V="one\r\ntwo"\r\nV_B=three\r\n',
    "private key": "V='-----BEGIN PRIVATE KEY-----\nMIIE+/=\n-----END PRIVATE KEY-----\n'\n",
    "unicode": "V=Fußgängerzone 東京 🚋\nV_B='é'\n",
    "line separators of unicode": "V=a\u2028b\u0085c\nV_B=d\n",
    "export": "export V=one\nexport\tV_B=two\nexported=three\n",
    "colon": "V: one\nV_B:two\n",
    "inherited": "GIVEN\nV=one\nNONE\n",
    "again": "V=one\nV=two\n",
    "equals signs": "V=a=b==\nV_B=postgis://a:b@c/d?e=f\n",
    "json": 'V={"a": ["b"]}\nV_B=\'{"a": "$b"}\'\n',
    "shell": "V=`id`\nV_B=$(id)\nV_C=~/x\nV_D=a;b&c|d\n",
}
# The environment of the shell that starts the image or Docker Compose.
SHELL = {"GIVEN": "of the shell"}


def read_by_compose(folder: Path, files: dict[str, str]) -> dict[str, dict[str, str]]:
    """The environment that ``docker compose config`` reads from each file."""
    for number, text in enumerate(files.values()):
        (folder / f"{number}.env").write_bytes(text.encode())
    services = {
        f"s{number}": {"image": "none", "env_file": f"{number}.env"} for number in range(len(files))
    }
    (folder / "compose.yml").write_text(json.dumps({"services": services}))
    done = docker(
        *("compose", "--env-file", "/dev/null", "config", "--format", "json"),
        cwd=folder,
        env={name: os.environ[name] for name in ("PATH", "HOME")} | SHELL,
    )
    read = json.loads(done.stdout)["services"]
    return {
        # The output is a compose file, in which $$ is a dollar sign.
        name: {
            key: value.replace("$$", "$")
            for key, value in read[f"s{number}"]["environment"].items()
        }
        for number, name in enumerate(files)
    }
