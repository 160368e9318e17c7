#!/usr/bin/env python
"""Django's command line for the bookstore: `./manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    """Run one management command with the settings of `bookstore.settings`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookstore.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the line above

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
