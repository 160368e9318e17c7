"""``python -m infra VERB --stage STAGE``: ships the shop. Most people type `make deploy STAGE=…`."""

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra import checks, costs, deployment, people, place, tasks
from infra.errors import DeploymentError
from infra.place import STAGES, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one verb; return 0, or 1 after a sentence that says what is wrong and what to do."""
    asked = _parser().parse_args(arguments)
    verbs: dict[str, Callable[[argparse.Namespace], object]] = {
        "check": _check,
        "deploy": _deploy,
        "undeploy": _undeploy,
        "task": _task,
        "first-owner": _first_owner,
        "costs": _costs,
    }
    try:
        verbs[asked.verb](asked)
    except DeploymentError as error:
        print(f"\n{error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"\n{place.sentence(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "\nStopped. Run the same command again to go on: it begins with what is there.", file=sys.stderr
        )
    else:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infra", description="Ships the shop to AWS, or to a local AWS.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, words in {
        "check": "look whether a deployment could begin, and tell what it would make and cost",
        "deploy": "make or change everything, and put this folder's code to work",
        "undeploy": "remove everything but the data",
        "task": "run a command in the tasks function, and show how far it is",
        "first-owner": "make the first account of the staff",
    }.items():
        each = verbs.add_parser(verb, help=words)
        each.add_argument("--stage", default="", help=", ".join(STAGES))
        match verb:
            case "check" | "deploy":
                each.add_argument("--set", default="", help='parameters, as in "DomainName=books.example"')
                each.add_argument("--yes", action="store_true", help="do not ask")
            case "undeploy":
                each.add_argument("--yes", action="store_true", help="do not ask")
            case "task":
                each.add_argument("--command", default="", help='as in "rebuild_search"')
                each.add_argument("--task", default="", help="the name of a task to go on with")
            case "first-owner":
                each.add_argument("--email", default="")
    verbs.add_parser("costs", help="print the sums that docs/costs.md shows")
    return parser


def _chosen(text: str) -> dict[str, str]:
    pairs = [pair for pair in re.split(r"\s+(?=\w+=)", text.strip()) if pair]
    for pair in pairs:
        if "=" not in pair:
            raise DeploymentError(
                f"SET takes NAME=VALUE, several with spaces between, and {pair!r} is not one."
            )
    return dict(pair.split("=", 1) for pair in pairs)


def _check(asked: argparse.Namespace) -> tuple[place.Place, dict[str, str]]:
    there, chosen = place.find(asked.stage), _chosen(asked.set)
    checks.before_deploying(there, chosen)
    values = checks.values_of(there, chosen)
    for line in checks.will_be_made(there, values):
        say(f"  {line}")
    idle, visits = (costs.total(lines(there.stage, values)) for lines in (costs.idle, costs.visits))
    say(
        f"It costs about ${idle:.0f} a month standing idle, and ${visits:.0f} more for each 100,000 visitors"
        " (docs/costs.md shows the sums)."
    )
    return there, chosen


def _deploy(asked: argparse.Namespace) -> None:
    there, chosen = _check(asked)
    _agree(asked, f"Deploy {there.stage} to account {there.account}?")
    origin = deployment.Deployment(there, chosen).run()
    say(f"\nThe shop is open: {origin}/")


def _undeploy(asked: argparse.Namespace) -> None:
    there = place.find(asked.stage)
    _agree(asked, f"Remove the shop {there.prefix} of account {there.account}, all but its data?")
    left = deployment.undeploy(there)
    say(f"\nThe shop {there.prefix} is closed.")
    if left:
        say(
            f"Its data stays, and goes on costing: {' and '.join(left)}. `make deploy STAGE={there.stage}` opens it again"
            " with all books, orders and accounts; docs/operations.md says how to remove them for good."
        )


def _agree(asked: argparse.Namespace, question: str) -> None:
    """Ask whoever sits before the terminal; without one, ``--yes`` has to be said."""
    if asked.yes:
        return
    if not place.is_watched():
        raise DeploymentError("Nobody is there to say yes: give YES=1.")
    if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        raise DeploymentError("Nothing was changed.")


def _task(asked: argparse.Namespace) -> None:
    words = shlex.split(asked.command)
    if not words:
        raise DeploymentError(
            "Say what to run, as in CMD=rebuild_search or CMD='import_books s3://BUCKET/KEY'."
        )
    tasks.run(place.find(asked.stage), words[0], words[1:], task=asked.task)


def _first_owner(asked: argparse.Namespace) -> None:
    people.first_owner(place.find(asked.stage), asked.email)


def _costs(_asked: argparse.Namespace) -> None:
    say(costs.document().rstrip())


if __name__ == "__main__":
    sys.exit(main())
