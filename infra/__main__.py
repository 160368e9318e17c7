"""``python -m infra VERB --stage STAGE``: ships the shop. Most people type `make deploy STAGE=…`."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra import deployment, place
from infra.errors import DeploymentError
from infra.place import STAGES, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one verb; return 0, or 1 after a sentence that says what is wrong and what to do."""
    asked = _parser().parse_args(arguments)
    verbs: dict[str, Callable[[argparse.Namespace], None]] = {"deploy": _deploy, "undeploy": _undeploy}
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
        "deploy": "make or change everything, and put this folder's code to work",
        "undeploy": "remove everything but the data",
    }.items():
        each = verbs.add_parser(verb, help=words)
        each.add_argument("--stage", required=True, help=", ".join(STAGES))
        each.add_argument("--yes", action="store_true", help="do not ask")
        if verb == "deploy":
            each.add_argument("--set", default="", help='parameters, as in "DomainName=books.example"')
    return parser


def _chosen(text: str) -> dict[str, str]:
    pairs = [pair for pair in re.split(r"\s+(?=\w+=)", text.strip()) if pair]
    for pair in pairs:
        if "=" not in pair:
            raise DeploymentError(
                f"SET takes NAME=VALUE, several with spaces between, and {pair!r} is not one."
            )
    return dict(pair.split("=", 1) for pair in pairs)


def _deploy(asked: argparse.Namespace) -> None:
    there = place.find(asked.stage)
    origin = deployment.Deployment(there, _chosen(asked.set)).run()
    say(f"\nThe shop is open: {origin}/")


def _undeploy(asked: argparse.Namespace) -> None:
    raise DeploymentError("later")


if __name__ == "__main__":
    sys.exit(main())
