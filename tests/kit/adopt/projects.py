"""Small projects as five common guides to Django in containers leave them, and the edits by hand.

Each is a mapping from paths to texts. ``BY_HAND`` has one edit for each place that adopt lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.kit.upgrade.by_hand import ByHand

MANAGE = """\
import os, sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{0}.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
WSGI = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{0}.settings")
application = get_wsgi_application()
"""
SETTINGS = """\
{first}
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = {secret_key}
DEBUG = {debug}
ALLOWED_HOSTS = {hosts}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "{name}.urls"
TEMPLATES = [
    {{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {{
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        }},
    }}
]
DATABASES = {{
    "default": {database}
}}
STATIC_URL = "static/"
{last}
"""
URLS = """\
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
"""
READ_DEBUG = 'os.environ.get("DEBUG", "").lower() in ("true", "1")'
READ_HOSTS = 'os.environ.get("ALLOWED_HOSTS", "localhost").split(",")'
READ_KEY = 'os.environ["DJANGO_SECRET_KEY"]'
APPENDED = f"""\
import os
SECRET_KEY = {READ_KEY}
DEBUG = {READ_DEBUG}
ALLOWED_HOSTS = {READ_HOSTS}
"""
READ_URL = 'environ.Env().db("DATABASE_URL")'


def django(
    name: str, *, folder: str = "", first: str = "import os", database: str, last: str, **given: str
) -> dict[str, str]:
    """The Python files of a project."""
    values = {"secret_key": "'in-the-code'", "debug": "True", "hosts": "[]", **given}
    settings = SETTINGS.format(name=name, first=first, database=database, last=last, **values)
    files = {
        "manage.py": MANAGE.format(name),
        f"{name}/__init__.py": "",
        f"{name}/settings.py": settings,
        f"{name}/urls.py": URLS,
        f"{name}/wsgi.py": WSGI.format(name),
    }
    return {f"{folder}{path}": text for path, text in files.items()}


@dataclass(frozen=True)
class Guide:
    """A project, the edits after ``adopt --force``, and the text of what it wrote."""

    files: dict[str, str]
    by_hand: list[ByHand] = field(default_factory=list)
    expected: dict[str, list[str]] = field(default_factory=dict)


STATIC = 'STATIC_ROOT = BASE_DIR / "staticfiles"'
PARTS = """{
        "ENGINE": os.environ.get("SQL_ENGINE", "django.db.backends.sqlite3"),
        "NAME": os.environ.get("SQL_DATABASE", BASE_DIR / "db.sqlite3"),
        "USER": os.environ.get("SQL_USER", "user"),
        "PASSWORD": os.environ.get("SQL_PASSWORD", "password"),
        "HOST": os.environ.get("SQL_HOST", "localhost"),
        "PORT": os.environ.get("SQL_PORT", "5432"),
    }"""

OWN_ENTRYPOINT = Guide(
    {
        **django(
            "hello_django",
            folder="app/",
            database=PARTS,
            secret_key='os.environ.get("SECRET_KEY")',
            debug='bool(os.environ.get("DEBUG", default=0))',
            hosts='os.environ.get("DJANGO_ALLOWED_HOSTS").split(" ")',
            last=f'{STATIC}\nMEDIA_ROOT = BASE_DIR / "mediafiles"',
        ),
        "app/requirements.txt": "Django==4.2.3\ngunicorn==21.2.0\npsycopg2-binary==2.9.6\n",
        "app/Dockerfile": """\
FROM python:3.11.4-slim-buster
WORKDIR /usr/src/app
RUN apt-get update && apt-get install -y netcat libmagic1
RUN pip install --upgrade pip
COPY ./requirements.txt .
RUN pip install -r requirements.txt
COPY ./entrypoint.sh .
COPY . .
ENTRYPOINT ["/usr/src/app/entrypoint.sh"]
""",
        "app/entrypoint.sh": """\
#!/bin/sh
while ! nc -z $SQL_HOST $SQL_PORT; do
  sleep 0.1
done
python manage.py flush --no-input
python manage.py migrate
exec "$@"
""",
        "docker-compose.yml": """\
services:
  web:
    build: ./app
    command: python manage.py runserver 0.0.0.0:8000
    volumes:
      - ./app/:/usr/src/app/
    env_file:
      - ./.env.dev
  db:
    image: postgres:15
""",
    },
    [],
    {
        "Dockerfile": [
            "COPY app/requirements.txt ./app/",
            "RUN pip install --no-cache-dir 'setuptools<81' --requirement app/requirements.txt",
            "apt-get install --yes --no-install-recommends libmagic1",
            "--owner=1001 --group=0 --mode=2775 app/staticfiles app/mediafiles",
            "WORKDIR /app/app",
        ],
        "docker-compose.yml": [
            "SQL_ENGINE: django.db.backends.postgresql",
            "SQL_DATABASE: ${POSTGRES_DB}",
            "SQL_HOST: db",
            "- media:/app/app/mediafiles",
        ],
        ".env.example": [
            "SECRET_KEY=",
            "DJANGO_ALLOWED_HOSTS=localhost",
            "POSTGRES_DB=hello_django",
        ],
    },
)

IN_SRC = Guide(
    {
        **django(
            "airline",
            folder="src/",
            database="""{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "airline",
        "USER": "airline",
        "PASSWORD": "airline",
        "HOST": "postgres",
    }""",
            last='STATIC_ROOT = "/var/www/static"\nMEDIA_ROOT = "/var/www/media"',
        ),
        "requirements.txt": "Django>=2.1,<2.2\npsycopg2>=2.7,<2.8\nPillow>=5.3.0,<5.4.0\n",
        "Dockerfile": """\
FROM python:3.7-alpine
RUN apk add --update --no-cache postgresql-client jpeg-dev
COPY ./requirements.txt /requirements.txt
RUN pip install -r /requirements.txt
WORKDIR /app
COPY ./src /app
RUN adduser -D user
USER user
""",
        "docker-compose.yml": """\
services:
  app:
    build: .
    command: >
      sh -c "python manage.py wait_for_db &&
             python manage.py migrate &&
             python manage.py runserver 0.0.0.0:8000"
    volumes:
      - ./src_files
  proxy:
    image: nginx:1.17
  postgres:
    image: postgres:10-alpine
""",
    },
    [
        ByHand(
            "src/airline/settings.py",
            "Some settings are not for a server. Line 5: SECRET_KEY is in the code",
            [('STATIC_URL = "static/"', f'STATIC_URL = "static/"\n{APPENDED}')],
        ),
    ],
    {
        "Dockerfile": [
            "COPY requirements.txt ./",
            "--owner=1001 --group=0 --mode=2775 /var/www/static /var/www/media",
            "WORKDIR /app/src",
        ],
        "docker-compose.yml": [
            "  postgres:\n    image: postgis/postgis:17-3.5",
            "media:/var/www/media",
        ],
        ".env.example": ["POSTGRES_DB=airline", "POSTGRES_USER=airline", "DJANGO_SECRET_KEY="],
    },
)

PGADMIN = Guide(
    {
        **django(
            "core",
            first="import os\nimport environ\n\nenv = environ.Env(DEBUG=(bool, False))",
            secret_key='env("SECRET_KEY")',
            debug='env("DEBUG")',
            hosts='env.list("ALLOWED_HOSTS", default=["localhost"])',
            database="""{
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": env("POSTGRES_DB"),
        "USER": env("POSTGRES_USER"),
        "PASSWORD": env("POSTGRES_PASSWORD"),
        "HOST": env("POSTGRES_HOST", default="localhost"),
    }""",
            last=f'{STATIC}\nMAP_KEY = env("MAP_KEY")',
        ),
        ".gitignore": "*.pyc\n",
        ".env": "SECRET_KEY=old\nPOSTGRES_DB=core\n",
        "pyproject.toml": '[project]\nname = "core"\nversion = "1"\n'
        'dependencies = [\n  "django>=5.0",\n  "djangorestframework==3.14.0",\n]\n',
        "docker-compose.yml": """\
services:
  db:
    image: postgres:16
  pgadmin:
    image: dpage/pgadmin4
""",
    },
    [
        ByHand(
            ".env",
            "does not start without these variables: MAP_KEY (core/settings.py, line 49).",
            [("MAP_KEY=\n", "MAP_KEY=abc\n")],
        ),
    ],
    {
        "Dockerfile": [
            'uv pip compile --quiet --override "$UV_CONSTRAINT" '
            "--output-file all.txt pyproject.toml"
        ],
        "docker-compose.yml": ["    environment:\n      POSTGRES_HOST: db\n    ports:"],
        ".env": ["SECRET_KEY=old\nPOSTGRES_DB=core\n\nDJANGO_SUPERUSER_USERNAME=admin"],
        ".gitignore": ["*.pyc\n\n.env\n"],
    },
)

PIPENV = Guide(
    {
        **django(
            "config",
            first="import environ",
            secret_key='environ.Env()("DJANGO_SECRET_KEY")',
            debug="False",
            hosts='["localhost"]',
            database="""{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "PASSWORD": "postgres",
        "HOST": "db",
        "PORT": 5432,
    }""",
            last=STATIC,
        ),
        "Pipfile": '[packages]\ndjango = "~=3.1.0"\n[requires]\npython_version = "3.8"\n',
        "Pipfile.lock": '{\n"default": {\n"django": {"version": "==3.1.14"}\n}\n}\n',
        "Dockerfile": """\
FROM python:3.8
WORKDIR /code
COPY Pipfile Pipfile.lock /code/
RUN pip install pipenv && pipenv install --system
COPY . /code/
""",
        "docker-compose.yml": """\
services:
  web:
    build: .
    command: python /code/manage.py runserver 0.0.0.0:8000
    volumes:
      - .:/code
  db:
    image: postgres:16
""",
    },
    [],
    {
        "Dockerfile": [
            "RUN pip install --no-cache-dir 'pipenv>=2024'",
            "COPY Pipfile Pipfile.lock ./",
            "RUN pipenv requirements > all.txt",
        ],
        ".env": ["POSTGRES_DB=postgres\nPOSTGRES_USER=postgres\nPOSTGRES_PASSWORD=postgres"],
    },
)

HEROKU = Guide(
    {
        **django(
            "mysite",
            first="import os\nimport django_heroku\nimport dj_database_url",
            secret_key='os.environ.get("SECRET_KEY", "in-the-code")',
            debug='os.environ.get("DEBUG") == "true"',
            hosts="[]",
            database="dj_database_url.config(conn_max_age=600)",
            last=f"{STATIC}\ndjango_heroku.settings(locals())",
        ),
        "requirements.txt": "django==3.2\ndjango-heroku==0.3.1\ndj-database-url\n",
        "Procfile": "web: gunicorn mysite.wsgi --log-file -\nrelease: python manage.py migrate\n"
        "worker: celery -A mysite worker\n",
    },
    [
        ByHand(
            "mysite/settings.py",
            "django_heroku.settings() replaces",
            [("\ndjango_heroku.settings(locals())", ""), ("import django_heroku\n", "")],
        ),
        ByHand(
            "mysite/settings.py",
            "ALLOWED_HOSTS is empty",
            [("ALLOWED_HOSTS = []", f"ALLOWED_HOSTS = {READ_HOSTS}")],
        ),
        ByHand(
            "requirements.txt", "django-heroku needs psycopg2", [("django-heroku==0.3.1\n", "")]
        ),
    ],
    {
        "docker-compose.yml": [
            "DATABASE_URL: postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@db:5432/${POSTGRES_DB}",
            "  worker:\n    extends: api\n    ports: !reset []\n",
            "    environment:\n      ROLE: worker\n"
            '    command: ["celery", "-A", "mysite", "worker"]\n',
        ],
    },
)

GUIDES = {
    "own entry point": OWN_ENTRYPOINT,
    "project in src": IN_SRC,
    "pgAdmin": PGADMIN,
    "Pipenv": PIPENV,
    "Heroku": HEROKU,
}
