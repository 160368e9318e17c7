"""The projector's function: stream records come in, views are kept right."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookstore.settings")
django.setup()

from bookstore.streams.handler import handler  # noqa: E402 - its tables need the settings

__all__ = ["handler"]
