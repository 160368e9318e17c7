import os
import subprocess
import sys


def test_the_projector_starts_by_itself_as_lambda_starts_it() -> None:
    """Nothing has set up Django there; an unknown table comes back as a failure, not as a success."""
    event = {"Records": [{"eventSourceARN": "arn:nothing", "dynamodb": {"SequenceNumber": "7"}}]}
    script = f"from bookstore.functions.projector import handler; print(handler({event!r}, None))"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": ""}
    del environment["DJANGO_SETTINGS_MODULE"]

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.strip() == "{'batchItemFailures': [{'itemIdentifier': '7'}]}"
