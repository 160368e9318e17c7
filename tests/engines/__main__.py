"""`make test-engines`: install the real engines where they are missing, and pass the tests on them."""

import os
import subprocess
import sys

from bookstore.devstack.stores import StoreFailedError
from tests.engines import stores

# What a store itself does is tested again on the real engines: keys and conditions, transactions, races,
# paging, streams, search, ranks and sessions. No test knows which engine it meets.
TESTS = "tests/integration"

# Left out is what the shop, a browser or another service does: pages and their headers, forms, sign-in,
# the provider's own pages, lines that the tests' proxy cuts. What these ask of a store, the services'
# tests ask too, so on a real engine they would find nothing more in twice the time.
LEFT_OUT = (
    "accounts/test_cognito_pages.py",
    "accounts/test_sign_in.py",
    "accounts/test_staff_sign_in.py",
    "front",
    "leaderboard/test_leaderboard_pages.py",
    "orders/test_checkout_page.py",
    "orders/test_demonstration_provider.py",
    "orders/test_order_mails.py",
    "pages",
)


def main(*arguments: str) -> int:
    """Run the tests and return their exit code. A machine that lacks a program skips them, except in CI."""
    if lacks := stores.missing():
        told = f"NO {', NO '.join(lacks).upper()}: the tests on the real engines did not run."
        print(f"\n{'!' * len(told)}\n{told}\n{'!' * len(told)}\n", file=sys.stderr)
        return int(os.environ.get("CI") == "true")
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


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except StoreFailedError as error:
        sys.exit(str(error))
