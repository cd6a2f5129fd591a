#!/usr/bin/env python
"""Django's command-line utility for administrative tasks."""

import sys


def main():
    from backend.manage import execute

    execute(sys.argv)


if __name__ == "__main__":
    main()
