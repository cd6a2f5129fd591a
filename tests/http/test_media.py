"""Files that users upload: where they are stored, who can read them, and who serves them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import Container, Containers, until

pytestmark = pytest.mark.engine

FILES = {
    "local_settings/settings.py": """
from backend.hacko_settings import *

INSTALLED_APPS += ["photos"]
""",
    "local_settings/urls.py": """
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from photos.views import PhotoViewSet

router = DefaultRouter()
router.register("photos", PhotoViewSet)
urlpatterns = [path("api/", include(router.urls))]
""",
    "photos/__init__.py": "",
    "photos/migrations/__init__.py": "",
    "photos/migrations/0001_initial.py": """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Photo",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("file", models.FileField(upload_to="photos/%Y/")),
            ],
        )
    ]
""",
    "photos/models.py": """
from django.db import models


class Photo(models.Model):
    id = models.BigAutoField(primary_key=True)
    file = models.FileField(upload_to="photos/%Y/")
""",
    "photos/views.py": """
from rest_framework.permissions import AllowAny
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from photos.models import Photo


class PhotoSerializer(ModelSerializer):
    class Meta:
        model = Photo
        fields = ["id", "file"]


class PhotoViewSet(ModelViewSet):
    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer
    permission_classes = [AllowAny]
""",
}
# Only the volume is writable.
LOCKED = ["--read-only", "--cap-drop", "ALL"]
# More than Django keeps in memory (2.5 MB), so it goes through a temporary file.
LARGE = b"\x89PNG" + bytes(range(256)) * 12_000


def mounts(folder: Path) -> dict[str | Path, str]:
    write(folder, FILES)
    return {folder / name: f"/code/{name}:ro" for name in ("local_settings", "photos")}


def upload(container: Container, name: str, content: bytes) -> str:
    """Upload a file as a form does, and return its URL."""
    answer = requests.post(
        container.url("/api/photos/"), files={"file": (name, content)}, timeout=30
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["file"]


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict]]:
    kept = Containers()
    yield kept.volume(), mounts(tmp_path_factory.mktemp("project"))
    kept.clean()


def test_uploads_are_served_in_development_and_kept_for_production(
    containers: Containers, volume: tuple[str, dict]
):
    containers.may_log(
        "has model changes without a migration",
        "SuspiciousFileOperation",
        "A client requests /media/",
    )
    data, project = volume
    development = containers.start(
        env={"DEBUG": "true"},
        options=[*LOCKED, "--user", "1001:0"],
        mounts={**project, data: "/data"},
    ).wait_until_ready()
    picture = upload(development, "tree.png", LARGE)
    drawing = upload(development, "tree.svg", b"<svg><script>alert(1)</script></svg>")
    path = picture.removeprefix(development.url(""))
    assert path.startswith("/media/photos/20")
    answer = development.get(path)
    assert (answer.status_code, answer.content) == (200, LARGE)
    assert answer.headers["Content-Type"] == "image/png"
    assert not answer.headers["Content-Disposition"].startswith("attachment")
    answer = requests.get(drawing, timeout=30)
    # If a browser showed it, its script would have the rights of the user.
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # A path that looks like a picture until its dots are resolved.
    hidden = drawing.removeprefix(f"{development.url('')}/media/").replace("/", "%2f")
    answer = development.get(f"/media/data:image/png,%2f..%2f..%2f{hidden}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.headers["Content-Disposition"] == "attachment"
    # A browser shows or saves its cached copy as before.
    known = {"If-Modified-Since": answer.headers["Last-Modified"]}
    again = development.get(path, headers=known)
    assert (again.status_code, again.headers.get("Content-Disposition")) == (304, None)
    assert development.get("/media/photos/").status_code == 404
    assert development.get("/media/../db.sqlite3").status_code == 404
    assert development.get("/media/%2e%2e/secret_key").status_code in (400, 404)
    file = f"/data{path}"
    modes = development.exec("stat", "--format", "%a", "/data/media", str(Path(file).parent), file)
    assert modes.split() == ["2775", "2775", "664"]
    # As a proxy does, in a container with the same volume.
    assert "tree.png" in development.exec("wc", "--bytes", file, user="65534:65534")
    development.remove()

    production = containers.start(
        env={"WEB_CONCURRENCY": "1"},
        options=[*LOCKED, "--user", "54321:0"],
        mounts={**project, data: "/data"},
    ).wait_until_ready()
    for _ in range(3):
        assert production.get(path).status_code == 404
    warnings = [line for line in production.logs().splitlines() if "MEDIA_ROOT" in line]
    assert len(warnings) == 1
    assert "WARNING backend.http.media" in warnings[0]
    assert ": A client requests /media/. With DEBUG=false" in warnings[0]
    assert "Let your proxy serve the folder /data/media (MEDIA_ROOT) there" in warnings[0]
    assert production.exec("stat", "--format", "%s", file).strip() == str(len(LARGE))
    save = (
        "from django.core.files.base import ContentFile; "
        "from django.core.files.storage import default_storage; "
        f"print(default_storage.save('{path.removeprefix('/media/')}', ContentFile(b'another')))"
    )
    saved = production.exec("python", "manage.py", "shell", "-v", "0", "--command", save)
    assert saved.startswith("photos/20"), "another UID with group 0 can write next to it"
    assert upload(production, "large.png", LARGE), "and it has a folder for temporary files"


def test_start_says_that_uploads_will_fail_and_the_doctor_names_it(
    containers: Containers, tmp_path: Path
):
    containers.may_log("uploads to photos.Photo.file will fail")
    project = mounts(tmp_path)
    settings = tmp_path / "local_settings/settings.py"
    settings.write_text(settings.read_text() + 'MEDIA_ROOT = "/code/media"\n')
    container = containers.start(mounts=project).wait_until_ready()
    warning = (
        "boot: WARNING: uploads to photos.Photo.file will fail: MEDIA_ROOT, the folder "
        "/code/media, cannot be written by UID 1001: Permission denied. Keep it in the data "
        "folder, which that user can write: set MEDIA_ROOT to /data/media. Mount a volume at /data."
    )
    assert warning in container.logs()
    output = container.exec("python", "manage.py", "doctor", check=False, user="1001:0")
    assert "MEDIA_ROOT (/code/media) cannot be written by UID 1001; " in output


def test_files_of_another_user_are_named_and_the_database_is_read_only(
    containers: Containers, tmp_path: Path
):
    """The group cannot write to them, as with files from the host or from another image."""
    containers.may_log(
        "uploads to photos.Photo.file will fail", "the database 'default' is read-only"
    )
    places = {**mounts(tmp_path), containers.volume(): "/data"}
    make = "mkdir --mode 755 /data/media/photos && python manage.py migrate --verbosity 0"
    others = ["--user", "5000:0", "--entrypoint", ""]
    done = containers.run("bash", "-c", make, options=others, mounts=places)
    assert done.returncode == 0, done.stderr
    container = containers.start(mounts=places).wait_until_ready()
    log = container.logs()
    database = "the database 'default' is read-only: UID 1001 cannot write /data/db.sqlite3"
    assert f"boot: WARNING: {database}. " in log
    folder = "photos.Photo.file will fail: /data/media/photos, in MEDIA_ROOT, cannot be written by"
    assert f"boot: WARNING: uploads to {folder} UID 1001: Permission denied." in log
    ready = container.get("/health/ready").json()
    assert (ready["status"], ready["checks"]) == ("degraded", {"database:default": "read-only"})
    container.exec("chown", "1001", "/data/db.sqlite3", user="0")
    until(lambda: container.get("/health/ready").json()["status"] == "ready", "it is writable")


@pytest.mark.parametrize("storages", ["", "STORAGES.pop('default')"])
def test_an_api_without_uploads_does_not_mention_a_folder_that_cannot_be_created(
    containers: Containers, tmp_path: Path, storages: str
):
    team = f'from backend.hacko_settings import *\nMEDIA_ROOT = "/code/media"\n{storages}\n'
    settings = write(tmp_path / "team", {"settings.py": team})
    container = containers.start(mounts={settings: "/code/local_settings:ro"}).wait_until_ready()
    assert "MEDIA_ROOT" not in container.logs()


def test_a_volume_for_uploads_alone_belongs_to_the_application(containers: Containers):
    done = containers.run(
        *("touch", "/data/media/x"),
        options=["--user", "12345:0", "--entrypoint", ""],
        mounts={containers.volume(): "/data/media"},
    )
    assert done.returncode == 0, done.stderr
