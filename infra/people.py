"""The first member of staff, whom nobody in the shop can let in yet."""

import re

from botocore.exceptions import ClientError

from infra.errors import DeploymentError
from infra.place import Place, code_of, say
from infra.stacks import Stacks

GROUPS = ("owner", "staff")  # may do everything; may open the admin at all
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def first_owner(place: Place, email: str) -> None:
    """Make an owner's account, whose temporary password Cognito sends by mail; the second time nothing changes."""
    if not _EMAIL.fullmatch(email):
        raise DeploymentError(f"EMAIL is an address such as owner@bookstore.example, and {email!r} is none.")
    pool = Stacks(place).outputs(place.stack("sign-in")).get("UserPoolId")
    if not pool:
        raise DeploymentError(f"There is no shop yet: `make deploy STAGE={place.stage}` first.")
    cognito = place.client("cognito-idp")
    try:
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=email,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            DesiredDeliveryMediums=["EMAIL"],
        )
        say(f"Cognito sends {email} a temporary password, good for three days.")
    except ClientError as error:
        if code_of(error) != "UsernameExistsException":
            raise
        say(f"{email} has an account already.")
    for group in GROUPS:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=group)
    say(f"{email} owns the shop. docs/operations.md says how others are let into its admin.")
