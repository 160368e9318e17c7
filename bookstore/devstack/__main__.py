"""``python -m bookstore.devstack run`` opens the local shop, ``reset`` removes it.

Most people type `make run` and `make reset`.
"""

import argparse
import os
import sys

from bookstore.devstack import environment, supervisor


def main(arguments: list[str] | None = None) -> int:
    """Carry out one verb and return the exit code."""
    parser = argparse.ArgumentParser(prog="bookstore.devstack", description="The local shop.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="open the shop until Ctrl-C; PORT and DEBUG are read from the environment")
    verbs.add_parser("reset", help="remove the local shop's data, accounts, ports and logs")
    verb = parser.parse_args(arguments).verb
    _open_standard_files()
    folder = environment.folder()
    try:
        if verb == "run":
            return supervisor.Shop(folder).run()
        supervisor.reset(folder)
    except (environment.BadPortError, supervisor.ShopError) as error:
        print(error, file=sys.stderr)
        return 1
    print("The local shop is removed: `make run` starts afresh.")
    return 0


def _open_standard_files() -> None:
    """Give 0, 1 and 2 something to stand for, so that no socket or log gets one of these numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
