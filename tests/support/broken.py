"""Every way in which a team's local_settings can be broken, and the two lines of each error.

Tests of the project and tests of the image use the same table (tests/conf).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Broken:
    """Files below a project's root, and the error that the boot must print."""

    name: str
    files: dict[str, str]
    place: str  # the file below the project's root, and the line
    problem: str  # part of the first line
    fix: str  # part of the second
    folders: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.name


SETTINGS = "local_settings/settings.py"
URLS = "local_settings/urls.py"
GUNICORN = "local_settings/gunicorn_conf.py"

BROKEN = [
    Broken(
        "syntax error",
        {SETTINGS: "# ours\nDEBUG = False\nINSTALLED_APPS = [\n"},
        f"{SETTINGS}, line 3",
        "SyntaxError: '[' was never closed",
        "Correct the Python syntax on that line, or on the line before it.",
    ),
    Broken(
        "import of a missing package",
        {SETTINGS: "import os\nimport pandaz\n"},
        f"{SETTINGS}, line 2",
        "ModuleNotFoundError: No module named 'pandaz'",
        "Check the spelling of 'pandaz'. If it is a package, add 'pandaz' to your requirements.txt",
    ),
    Broken(
        "import of a missing name",
        {SETTINGS: "\nfrom os import pathh\n"},
        f"{SETTINGS}, line 2",
        "ImportError: cannot import name 'pathh' from 'os'",
        "Check the spelling, and that the installed version of that package has this name.",
    ),
    Broken(
        "import of a missing package inside a listed app",
        {
            SETTINGS: 'INSTALLED_APPS = ["census"]\n',
            "census/__init__.py": "",
            "census/models.py": "from django.db import models\n\nimport geopandaz\n",
        },
        "census/models.py, line 3",
        "ModuleNotFoundError: No module named 'geopandaz'",
        "add 'geopandaz' to your requirements.txt",
    ),
    Broken(
        "import of a missing package inside a listed app's own package",
        {
            SETTINGS: 'INSTALLED_APPS = ["census"]\n',
            "census/__init__.py": "import geopandaz\n",
        },
        "census/__init__.py, line 1",
        "ModuleNotFoundError: No module named 'geopandaz'",
        "add 'geopandaz' to your requirements.txt",
    ),
    Broken(
        "exception at import",
        {SETTINGS: "DEBUG = False\n\nPAGE_SIZE = 1 / 0\n"},
        f"{SETTINGS}, line 3",
        "ZeroDivisionError: division by zero",
        "Correct that line. DEBUG=true prints the whole traceback.",
    ),
    Broken(
        "environment variable that is not set",
        {SETTINGS: 'import os\nKEY = os.environ["MAP_KEY"]\n'},
        f"{SETTINGS}, line 2",
        "KeyError: 'MAP_KEY'",
        "Set the environment variable 'MAP_KEY', or read it with os.environ.get('MAP_KEY').",
    ),
    Broken(
        "exception with a message of several lines",
        {SETTINGS: 'raise ValueError("one\\ntwo\\n\\nthree")\n'},
        f"{SETTINGS}, line 1",
        "ValueError: one two three",
        "Correct that line.",
    ),
    Broken(
        "settings that end the process",
        {SETTINGS: "import sys\nsys.exit(0)\n"},
        f"{SETTINGS}, line 2",
        "ends the process with exit code 0",
        "Correct that line.",
    ),
    Broken(
        "file that is not UTF-8",
        {SETTINGS: 'NAME = "caf\udce9"\n'},
        f"{SETTINGS}, line 1",
        "'utf-8' codec can't decode byte 0xe9",
        "Save the file as UTF-8.",
    ),
    Broken(
        "error in a sibling module",
        {
            SETTINGS: "from .databases import DATABASES\n",
            "local_settings/databases.py": "\n\nDATABASES = nothing\n",
        },
        "local_settings/databases.py, line 3",
        "NameError: name 'nothing' is not defined",
        "Correct that line.",
    ),
    Broken(
        "app that does not exist",
        {SETTINGS: 'INSTALLED_APPS = [\n    "rest_framework",\n    "censsus",\n]\n'},
        f"{SETTINGS}, line 3",
        "No module named 'censsus'",
        "Check the spelling of 'censsus'.",
    ),
    Broken(
        "app that does not exist, added to ours",
        {
            SETTINGS: "from backend.hacko_settings import *\n\n"
            'ROOT = "censsus/"\nINSTALLED_APPS += ["censsus"]\n'
        },
        f"{SETTINGS}, line 4",
        "No module named 'censsus'",
        "Check the spelling of 'censsus'.",
    ),
    Broken(
        "two apps with no comma between them",
        {SETTINGS: 'INSTALLED_APPS = [\n    "rest_framework"\n    "django_filters",\n]\n'},
        f"{SETTINGS}, line 2",
        "No module named 'rest_frameworkdjango_filters'",
        "Check the spelling",
    ),
    Broken(
        "app listed twice",
        {SETTINGS: 'INSTALLED_APPS = ["backend", "corsheaders",\n    "corsheaders"]\n'},
        f"{SETTINGS}, line ",
        "Application labels aren't unique, duplicates: corsheaders",
        "",
    ),
    Broken(
        "INSTALLED_APPS that is a text",
        {SETTINGS: '\nINSTALLED_APPS = "census"\n'},
        f"{SETTINGS}, line 2",
        "INSTALLED_APPS is a str",
        "INSTALLED_APPS = [",
    ),
    Broken(
        "MIDDLEWARE that is None",
        {SETTINGS: "MIDDLEWARE = None\n"},
        f"{SETTINGS}, line 1",
        "MIDDLEWARE is a NoneType",
        "MIDDLEWARE = [",
    ),
    Broken(
        "DATABASES that is a list",
        {SETTINGS: 'DATABASES = [{"NAME": "census"}]\n'},
        f"{SETTINGS}, line 1",
        "DATABASES is a list",
        "DATABASES = {",
    ),
    Broken(
        "database that is a text",
        {SETTINGS: 'DATABASES = {"default": "postgres://localhost/census"}\n'},
        f"{SETTINGS}, line 1",
        "DATABASES['default'] is a str",
        "DATABASES = {",
    ),
    Broken(
        "database engine that does not exist",
        {
            SETTINGS: "DATABASES = {\n"
            '    "default": {\n        "ENGINE": "django.db.backends.postgis",\n'
            '        "NAME": "census",\n    }\n}\n'
        },
        f"{SETTINGS}, line 3",
        "'django.db.backends.postgis' isn't an available database backend",
        "",
    ),
    Broken(
        "middleware that does not exist",
        {
            SETTINGS: "from backend.hacko_settings import *\n\n"
            'MIDDLEWARE.append("corsheaders.middleware.CorsMidleware")\n'
        },
        f"{SETTINGS}, line 3",
        'does not define a "CorsMidleware" attribute',
        "",
    ),
    Broken(
        "setting that Django refuses",
        {SETTINGS: 'TIME_ZONE = "America/Portlandia"\n'},
        f"{SETTINGS}, line 1",
        "Incorrect timezone setting: America/Portlandia",
        "",
    ),
    Broken(
        "blank urls.py",
        {URLS: ""},
        URLS,
        "has no list named urlpatterns",
        "Define urlpatterns = [...] in it, or delete the file to get the image's own pages.",
    ),
    Broken(
        "urls.py without urlpatterns",
        {URLS: "from django.urls import path\n\nurl_patterns = []\n"},
        URLS,
        "has no list named urlpatterns",
        "Define urlpatterns = [...]",
    ),
    Broken(
        "urls.py that includes what does not exist",
        {
            URLS: "from django.urls import include, path\n\n"
            'urlpatterns = [path("census/", include("census.urls"))]\n'
        },
        f"{URLS}, line 3",
        "ModuleNotFoundError: No module named 'census'",
        "Check the spelling of 'census'.",
    ),
    Broken(
        "urls.py with something that is no URL",
        {URLS: 'urlpatterns = [\n    "census/",\n]\n'},
        URLS,
        "urlpatterns[0]",
        "",
    ),
    Broken(
        "urls.py with a broken regular expression",
        {
            URLS: "from django.urls import re_path\n\n"
            'urlpatterns = [re_path("(census", lambda request: None)]\n'
        },
        URLS,
        '"(census" is not a valid regular expression',
        "",
    ),
    Broken(
        "included urls.py without urlpatterns",
        {
            URLS: "from django.urls import include, path\n\n"
            'urlpatterns = [\n    path("census/", include("census.urls")),\n]\n',
            "census/__init__.py": "",
            "census/urls.py": "",
        },
        "census/urls.py",
        "has no list named urlpatterns",
        "Define urlpatterns = [...] in it, or do not include it.",
    ),
    Broken(
        "gunicorn_conf.py with a syntax error",
        {GUNICORN: "workers = 2\nthreads 4\n"},
        f"{GUNICORN}, line 2",
        "SyntaxError: invalid syntax",
        "Correct the Python syntax on that line",
    ),
    Broken(
        "gunicorn_conf.py with a bad value",
        {GUNICORN: 'timeout = 60\nworkers = "many"\n'},
        f"{GUNICORN}, line 2",
        "workers = 'many'",
        "Correct workers. Gunicorn's documentation of settings lists the valid values.",
    ),
    Broken(
        "gunicorn_conf.py with an unknown worker class",
        {GUNICORN: 'worker_class = "gevnt"\n'},
        f"{GUNICORN}, line 1",
        "worker_class = 'gevnt'",
        "Correct worker_class, or add the package it needs to your requirements.txt.",
    ),
    Broken(
        "gunicorn_conf.py with an address that is none",
        {GUNICORN: 'bind = "0.0.0.0:http"\n'},
        f"{GUNICORN}, line 1",
        "bind = '0.0.0.0:http'",
        "",
    ),
    Broken(
        "folder where settings.py should be",
        {},
        SETTINGS,
        "is a folder, not a file.",
        "Docker creates a folder if the file to mount does not exist on the host",
        folders=(SETTINGS,),
    ),
    Broken(
        "folder where gunicorn_conf.py should be",
        {},
        GUNICORN,
        "is a folder, not a file.",
        "Delete the folder, correct the path in the mount, and start again.",
        folders=(GUNICORN,),
    ),
    Broken(
        "file where the folder should be",
        {"local_settings": "DEBUG = True\n"},
        "local_settings",
        "is a file, not a folder.",
        "Make it a folder. It can contain settings.py, urls.py, gunicorn_conf.py",
    ),
]


def write(root: Path, files: dict[str, str], folders: tuple[str, ...] = ()) -> Path:
    """Write files by their paths below ``root``, and return ``root``."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        # A lone surrogate represents a byte that is not UTF-8.
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    for name in folders:
        (root / name).mkdir(parents=True)
    return root
