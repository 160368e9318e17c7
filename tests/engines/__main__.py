"""`make test-engines`: install the real engines where they are missing, and pass the tests on them."""

import os
import subprocess
import sys

from bookstore.devstack.stores import StoreFailedError
from tests.engines import stores

# Every test that meets a store is run again on the real engines, and none knows which it meets. Left
# out are those of Cognito's own pages.
STORE_FACING = (
    "tests/integration",
    "--ignore=tests/integration/accounts/test_cognito_pages.py",
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
    command = [sys.executable, "-m", "pytest", "-n", "2", *(arguments or STORE_FACING)]
    return subprocess.run(command, env={**os.environ, "TEST_STORES": "real"}, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except StoreFailedError as error:
        sys.exit(str(error))
