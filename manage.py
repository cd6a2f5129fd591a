#!/usr/bin/env python
"""Django's command-line utility for administrative tasks."""

import sys


def main():
    from backend.conf import image_packages

    image_packages.stop_if_missing()
    from backend.manage import execute

    execute(sys.argv)


if __name__ == "__main__":
    main()
