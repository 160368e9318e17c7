"""Secrets come from Secrets Manager into this process's environment, and stand nowhere else.

``SECRETS`` names them, comma separated, by ARN or name. Each is a JSON object whose keys are
variables of ``bookstore.settings``, which reads them as if they had been there from the start.
"""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 5  # nothing works without them, so they get more time than a page's stores


class SecretsError(RuntimeError):
    """A secret cannot be read or is no JSON object of texts; the message names it and shows nothing of it."""


def load_secrets() -> frozenset[str]:
    """Put the secrets into the environment; return the variables whose value is another than before.

    One request, or none where ``SECRETS`` is empty. A variable that is there already is replaced:
    a rotated secret takes effect the next time this is called.
    """
    names = [name.strip() for name in os.environ.get("SECRETS", "").split(",") if name.strip()]
    found = _read(names) if names else {}
    changed = frozenset(name for name, value in found.items() if os.environ.get(name) != value)
    os.environ.update(found)
    return changed


def _read(names: list[str]) -> dict[str, str]:
    config = Config(
        connect_timeout=PATIENCE_SECONDS,
        read_timeout=PATIENCE_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    client = boto3.client("secretsmanager", region_name=os.environ.get("AWS_REGION"), config=config)
    try:
        answer = client.batch_get_secret_value(SecretIdList=names)
    except (BotoCoreError, ClientError) as error:
        raise SecretsError(
            f"Secrets Manager does not give the secrets ({', '.join(names)}): {error}"
        ) from error
    finally:
        client.close()
    if refused := answer.get("Errors", []):
        told = "; ".join(f"{each.get('SecretId')}: {each.get('ErrorCode')}" for each in refused)
        raise SecretsError(f"Secrets Manager refuses some of the secrets: {told}")
    if len(answer["SecretValues"]) < len(set(names)):
        raise SecretsError(f"Secrets Manager knows only some of these secrets: {', '.join(names)}")
    found: dict[str, str] = {}
    for secret in answer["SecretValues"]:
        found |= _variables(secret["Name"], secret.get("SecretString", ""))
    return found


def _variables(name: str, text: str) -> dict[str, str]:
    try:
        told = json.loads(text)
    except ValueError:
        told = None  # the error would quote the secret
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise SecretsError(f"The secret {name} is not a JSON object of texts.")
    return told
