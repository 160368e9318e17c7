"""The projector's entry point on Lambda: Django is set up once, when the function starts."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookstore.settings")
django.setup()

from bookstore.streams.handler import handler  # noqa: E402 - its tables need the settings

__all__ = ["handler"]
