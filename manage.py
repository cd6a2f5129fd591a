#!/usr/bin/env python
"""Django's command-line utility for administrative tasks."""

import os
import sys

from backend.errors import explained


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    with explained():
        if sys.argv[1:2] == ["runserver"]:
            from backend.logs import console

            console.start()
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
