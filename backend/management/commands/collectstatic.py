"""Django's collectstatic, with a lock on the folder and a record of the collected files.

The record lets a start skip this step after ``RUN python manage.py collectstatic --noinput`` in a
child's Dockerfile.
"""

import contextlib

from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic

from backend.boot import static


class Command(collectstatic.Command):
    def collect(self) -> dict[str, list[str]]:
        if self.dry_run or not settings.STATIC_ROOT:
            return super().collect()
        with static.alone():
            with static.staged(clear=self.clear) as self.storage:
                collected = super().collect()
            # Without post-processing, there is no manifest, so the set may be incomplete.
            with contextlib.suppress(FileNotFoundError):
                static.note()
        return collected
