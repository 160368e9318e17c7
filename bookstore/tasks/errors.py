class TaskError(Exception):
    """Something about a task is not as it should be; the message names the task."""


class TaskUnderWayError(TaskError):
    """Another process has the task in its hands, or its end has come: there is nothing to do."""


class TaskTooLongError(TaskError):
    """A task was gone on with so often that something must be wrong with it."""


class TaskNotBegunError(TaskError):
    """The tasks function could not be asked: nothing was begun, and asking again does no harm."""
