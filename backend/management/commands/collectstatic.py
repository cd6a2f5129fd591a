"""Django's collectstatic, one at a time in a folder, which also notes what it collected.

With it, ``RUN python manage.py collectstatic --noinput`` in a child's Dockerfile is
enough for a start to find nothing to do.
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
            # Without post-processing there is no manifest, and no whole set to vouch for.
            with contextlib.suppress(FileNotFoundError):
                static.note()
        return collected
