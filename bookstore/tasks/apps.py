from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Long work in pieces: how far each task has come."""

    name = "bookstore.tasks"
    label = "tasks"
