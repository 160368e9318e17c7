"""`make test-engines`: install the real engines where they are missing, and pass the tests on them."""

import os
import subprocess
import sys

from bookstore.devstack.stores import StoreFailedError
from tests.engines import stores

# Whatever asks a store is tested again on the real engines: keys and conditions, transactions, races, paging,
# streams, search, ranks and sessions, and the pages and sign-ins that ask for them. No test knows which it meets.
TESTS = "tests/integration"

# Left out is what asks no store, or asks it no other question than a test that runs: headers, what is refused for
# its origin, Cognito's own pages, the demonstration provider's, and lines that the tests' proxy cuts. These last
# also hold the shop to its 5 seconds, and an engine that has only just started is given 4 for one answer.
LEFT_OUT = (
    "accounts/test_cognito_pages.py",
    "front/test_origins.py",
    "front/test_page_headers.py",
    "front/test_store_failures.py",
    "orders/test_demonstration_provider.py",
    "pages/test_stores_away.py",
)


def main(*arguments: str) -> int:
    """Run the tests and return their exit code. A machine that lacks a program skips them, except in CI.

    Neither does CI make do with an older engine than the shop's on AWS.
    """
    if lacks := stores.missing():
        return _tell(f"NO {', NO '.join(lacks).upper()}: the tests on the real engines did not run.")
    if stores.opensearch() != stores.OPENSEARCH_3 and _tell(
        f"OPENSEARCH {stores.opensearch()} INSTEAD OF {stores.OPENSEARCH_3}, WHICH THE SHOP RUNS ON AWS: this"
        f" machine's newest Java is {stores.java()[1]}, and that one wants {stores.JAVA_OF_OPENSEARCH_3}."
    ):
        return 1
    stores.install()
    path, version = stores.java()
    engines = f"DynamoDB Local {stores.DYNAMODB}, OpenSearch {stores.opensearch()} and Redis"
    print(f"On {engines}, with Java {version} ({path})", flush=True)
    chosen = arguments or (TESTS, *(f"--ignore={TESTS}/{each}" for each in LEFT_OUT))
    command = [sys.executable, "-m", "pytest", "-n", "2", *chosen]
    environment = {**os.environ, "TEST_STORES": "real"}
    # Tests start some sixty programs: where no bytecode is kept, each compiles every library anew, for seconds.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, env=environment, check=False).returncode


def _tell(what: str) -> int:
    """Say aloud what is not tested as it should be; return what a laptop shrugs off and CI fails by."""
    print(f"\n{'!' * len(what)}\n{what}\n{'!' * len(what)}\n", file=sys.stderr)
    return int(os.environ.get("CI") == "true")


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except StoreFailedError as error:
        sys.exit(str(error))
