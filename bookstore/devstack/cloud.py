"""What the local AWS holds beside tables: the user pool, the bucket for covers, the dead-letter queue.

On AWS a CloudFormation template makes the same. Everything here may be called again: what
is there stays, what differs is put right.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bookstore.devstack.environment import BUCKET, QUEUE, aws_variables
from bookstore.devstack.stores import REGION

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

READER = "reader@example.com"
STAFF = "staff@example.com"
OWNER = "owner@example.com"
PASSWORD = "Bookstore-1!"  # noqa: S105 - printed at every start, good on this machine alone
# As the template of the sign-in stack has them.
GROUPS = {
    "staff": "May use the shop's admin.",
    "catalogue": "Keeps books and categories.",
    "orders": "Sends and refunds orders.",
    "support": "Helps customers.",
    "owner": "May do everything.",
}
TROUBLE = (BotoCoreError, ClientError)  # what any call here may raise
_PEOPLE = {
    READER: ("Ada Reader", ()),
    STAFF: ("Sam Staff", ("staff",)),
    OWNER: ("Olga Owner", ("staff", "owner")),
}


class Cloud:
    """The local AWS at one port, as its administrator."""

    def __init__(self, port: int) -> None:
        place = aws_variables(port)
        self._session = boto3.Session(
            aws_access_key_id=place["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=place["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._endpoint = place["AWS_ENDPOINT_URL"]
        self._config = Config(
            connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"}
        )
        self._cognito: CognitoIdentityProviderClient = self._client("cognito-idp")
        self._dynamodb = self._client("dynamodb")

    def _client(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - boto3's stubs type each name apart
        return self._session.client(name, endpoint_url=self._endpoint, config=self._config)  # type: ignore[call-overload]  # the same

    def user_pool(self, *, origin: str, known: Mapping[str, str]) -> dict[str, str]:
        """Make the user pool with its groups, its three people, its client and its sign-in page.

        ``origin`` is where the shop is found; the addresses that sign-in and sign-out may
        return to are exact. Returns the three ``COGNITO_…`` ids, those of ``known`` where
        they are still good.
        """
        pool = self._pool(known.get("COGNITO_USER_POOL_ID", ""))
        client = self._app_client(pool, known.get("COGNITO_CLIENT_ID", ""), origin)
        self._groups(pool)
        for email, (name, groups) in _PEOPLE.items():
            self._person(pool, email=email, name=name, groups=groups)
        return {
            "COGNITO_USER_POOL_ID": pool,
            "COGNITO_CLIENT_ID": client["ClientId"],
            "COGNITO_CLIENT_SECRET": client["ClientSecret"],
        }

    def _pool(self, known: str) -> str:
        if known:
            try:
                return self._cognito.describe_user_pool(UserPoolId=known)["UserPool"]["Id"]
            except self._cognito.exceptions.ResourceNotFoundException:
                pass  # the local AWS lost it
        pool = self._cognito.create_user_pool(
            PoolName="bookstore",
            UsernameAttributes=["email"],
            AutoVerifiedAttributes=["email"],
            UsernameConfiguration={"CaseSensitive": False},
            Policies={
                "PasswordPolicy": {
                    "MinimumLength": 10,
                    "RequireLowercase": True,
                    "RequireUppercase": True,
                    "RequireNumbers": True,
                    "RequireSymbols": False,
                }
            },
            AccountRecoverySetting={"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
        )["UserPool"]["Id"]
        self._cognito.create_user_pool_domain(Domain="bookstore-local", UserPoolId=pool)
        return pool

    def _app_client(self, pool: str, known: str, origin: str) -> dict[str, str]:
        told = {
            "UserPoolId": pool,
            "ClientName": "shop",
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid", "email", "profile"],
            "SupportedIdentityProviders": ["COGNITO"],
            "CallbackURLs": [f"{origin}/oidc/callback/"],
            "LogoutURLs": [f"{origin}/"],
            "PreventUserExistenceErrors": "ENABLED",
        }
        if known:
            try:
                updated = self._cognito.update_user_pool_client(ClientId=known, **told)["UserPoolClient"]  # type: ignore[arg-type]  # a dictionary's values are of many kinds
            except self._cognito.exceptions.ResourceNotFoundException:
                pass  # it went with its pool
            else:
                return {"ClientId": updated["ClientId"], "ClientSecret": updated["ClientSecret"]}
        made = self._cognito.create_user_pool_client(GenerateSecret=True, **told)["UserPoolClient"]  # type: ignore[arg-type]  # a dictionary's values are of many kinds
        return {"ClientId": made["ClientId"], "ClientSecret": made["ClientSecret"]}

    def _groups(self, pool: str) -> None:
        for name, description in GROUPS.items():
            with contextlib.suppress(self._cognito.exceptions.GroupExistsException):  # from the start before
                self._cognito.create_group(UserPoolId=pool, GroupName=name, Description=description)

    def _person(self, pool: str, *, email: str, name: str, groups: tuple[str, ...]) -> None:
        with contextlib.suppress(self._cognito.exceptions.UsernameExistsException):  # from the start before
            self._cognito.admin_create_user(
                UserPoolId=pool,
                Username=email,
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                    {"Name": "name", "Value": name},
                ],
                MessageAction="SUPPRESS",
            )
        # Each time: the password that the start prints has to be the right one.
        self._cognito.admin_set_user_password(
            UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True
        )
        for group in groups:
            self._cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=group)

    def bucket(self) -> None:
        """Make the bucket for covers, which everyone may read; what staff sent to it nobody may."""
        s3 = self._client("s3")
        if BUCKET not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/covers/*",
        }
        s3.put_bucket_policy(
            Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )

    def queue(self) -> str:
        """Make the dead-letter queue and return its address."""
        made = self._client("sqs").create_queue(
            QueueName=QUEUE, Attributes={"MessageRetentionPeriod": "1209600"}
        )
        address: str = made["QueueUrl"]
        return address

    def counts(self, *, pool: str, tables: Mapping[str, str]) -> dict[str, int]:
        """Count what the shop holds: the items of each table (by what they are called), and the accounts."""
        there = {}
        for name, table in tables.items():
            try:
                there[name] = int(self._dynamodb.describe_table(TableName=table)["Table"]["ItemCount"])
            except self._dynamodb.exceptions.ResourceNotFoundException:
                there[name] = 0
        try:
            described = self._cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
            there["account"] = int(described.get("EstimatedNumberOfUsers", 0))
        except self._cognito.exceptions.ResourceNotFoundException:
            there["account"] = 0
        return there
