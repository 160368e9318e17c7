"""Repeatable measurements, with the settings of the tests and stores of their own."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()
