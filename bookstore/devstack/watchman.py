"""Ends the local shop's programs when the supervisor can no longer do so itself.

Started with a pipe that only the supervisor holds open. It writes a line ``PID`` for each program
that it starts, every one the leader of a process group of its own, and ``-PID`` when it has
ended. When the pipe closes, because the supervisor ended or was killed, what is left is asked
to end (the local AWS saves its state then), and killed when it does not.

It imports next to nothing, so that it costs next to nothing.
"""

import contextlib
import os
import signal
import sys
import time

PATIENCE = 30.0  # seconds for the local AWS to save


def main() -> None:
    """Wait for the pipe to close, then end what is left."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line)
        if group > 0:
            groups.add(group)
        else:
            groups.discard(-group)
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _signal(groups, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: int) -> bool:
    """Send a signal to each group; forget those that have ended; tell whether one was there."""
    for group in list(groups):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            groups.discard(group)
        except PermissionError:  # macOS says so of a group of zombies
            groups.discard(group)
    return bool(groups)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
