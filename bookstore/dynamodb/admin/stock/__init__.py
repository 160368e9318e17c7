"""Stands for ``django.contrib.admin`` among the installed apps; see ``bookstore.dynamodb.admin.apps``."""
