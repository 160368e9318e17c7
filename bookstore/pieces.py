"""Long work done in pieces, because what runs it may have a time limit.

Such a service takes ``until``, which it asks between two steps whether to stop, and returns a
dataclass that says how far it came: ``finished``, or else to be given back as ``resume``,
unchanged or by way of JSON, ``asdict`` and back, to go on from there. At least one step is done each time.
A piece that was killed is gone on with from what the piece before it returned.
"""

from collections.abc import Callable

type Until = Callable[[], bool]


def never() -> bool:
    """Do not stop before the end."""
    return False
