"""Django's collectstatic, which also notes what it collected.

With it, ``RUN python manage.py collectstatic --noinput`` in a child's Dockerfile is
enough for a start to find nothing to do.
"""

from django.contrib.staticfiles.management.commands import collectstatic

from backend.boot import static


class Command(collectstatic.Command):
    def handle(self, **options):
        result = super().handle(**options)
        if not self.dry_run:
            static.note()
        return result
