"""What happens to a customer: signing in, addresses, export, erasure."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition

from bookstore import aws
from bookstore.accounts import roles, selectors, signals
from bookstore.accounts.errors import (
    AccountChangedError,
    AccountDisabledError,
    AccountNotFoundError,
    AddressNotFoundError,
    CognitoUnavailableError,
    DisablingRefusedError,
    SigningOutRefusedError,
    TooManyAddressesError,
)
from bookstore.accounts.models import CustomerItem, SavedAddress, User
from bookstore.accounts.selectors import PostalAddress
from bookstore.dynamodb import sessions
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import (
    CONDITION_FAILED,
    cancellation_codes,
    is_condition_failure,
    refused_updates,
)
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction

log = logging.getLogger(__name__)

ADDRESSES_KEPT = 10
CLAIMS_KEY = "customer"  # in the session: what Cognito said about the person
GROUPS_KEPT_SECONDS = 60  # what Cognito said about a member of staff is good for so long
TRIES = 5  # when two changes of the same customer meet

# The shop has not closed the account: a condition of its writes.
IS_OPEN: Condition = CustomerItem.disabled.does_not_exist() | (CustomerItem.disabled == False)  # noqa: E712 - PynamoDB's
IS_CLOSED: Condition = CustomerItem.disabled == True  # noqa: E712 - the same

type AddressChange = Callable[[list[PostalAddress]], list[PostalAddress]]


def record_sign_in(*, customer_id: str, email: str, name: str, at: datetime) -> None:
    """Keep what Cognito says about a customer, in one UpdateItem that makes or mends the item.

    Addresses and the day of the first visit stay as they are. Raises
    ``AccountDisabledError`` for an account that the shop has closed.
    """
    try:
        CustomerItem(customer_id).update(
            actions=[
                CustomerItem.schema_version.set(CustomerItem.schema_version | 1),
                CustomerItem.email.set(email),
                CustomerItem.name.set(name),
                CustomerItem.first_seen_at.set(CustomerItem.first_seen_at | at),
                CustomerItem.erased_at.remove(),
            ],
            condition=IS_OPEN,
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise
        raise AccountDisabledError(_("This account is closed. Please write to us.")) from error


def keep_claims(sender: object, request: HttpRequest, user: User, **_kwargs: object) -> None:  # noqa: ARG001 - a signal's signature
    """Keep in a new session who signed in: answers Django's ``user_logged_in``."""
    at = user.checked_at or timezone.now()
    request.session[CLAIMS_KEY] = {**_claims(user, at=at), "signed_in_at": at.isoformat(timespec="seconds")}


def keep_staff_fresh(session: SessionBase, *, at: datetime) -> bool:
    """Ask Cognito about the person of a session, once a minute; tell whether they have to sign in again.

    So it is after ``STAFF_REST_SECONDS`` without a question, after ``STAFF_SESSION_SECONDS`` in
    all, and for whom Cognito has disabled or no longer knows: that session ends at once. Raises
    ``CognitoUnavailableError``.
    """
    claims = session[CLAIMS_KEY]
    checked_at = parse_datetime(claims.get("checked_at", ""))
    signed_in_at = parse_datetime(claims.get("signed_in_at", "")) or checked_at
    if checked_at is None or signed_in_at is None:
        return True
    rested = (at - checked_at).total_seconds()
    if (
        rested > settings.STAFF_REST_SECONDS
        or (at - signed_in_at).total_seconds() > settings.STAFF_SESSION_SECONDS
    ):
        return True
    if rested < GROUPS_KEPT_SECONDS:
        return False
    groups = _groups_at_cognito(session[SESSION_KEY])
    if groups is None:
        session.flush()
        return True
    session[CLAIMS_KEY] = {**claims, "groups": groups, "checked_at": at.isoformat(timespec="seconds")}
    return False


def _groups_at_cognito(customer_id: str) -> list[str] | None:
    """Return a person's groups; None for whom Cognito has disabled or does not know."""
    known = {"UserPoolId": settings.COGNITO_USER_POOL_ID, "Username": customer_id}
    try:
        if not aws.cognito().admin_get_user(**known)["Enabled"]:
            return None
        found = aws.cognito().admin_list_groups_for_user(**known, Limit=selectors.GROUPS_AT_MOST)["Groups"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "UserNotFoundException":
            return None
        raise CognitoUnavailableError(_("Sign-in does not answer at the moment.")) from error
    except BotoCoreError as error:
        raise CognitoUnavailableError(_("Sign-in does not answer at the moment.")) from error
    return sorted(each["GroupName"] for each in found)


def session_for(
    *, customer_id: str, email: str, groups: Iterable[str] = (), name: str = "", at: datetime
) -> str:
    """Begin a session as Cognito's sign-in leaves it, without a browser, and return its cookie's value.

    For tests and tools of developers; people sign in at ``/oidc/authenticate/``.
    """
    user = User.of(customer_id=customer_id, email=email, name=name, groups=groups, checked_at=at)
    session = sessions.SessionStore()
    session[SESSION_KEY] = user.pk
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[CLAIMS_KEY] = _claims(user, at=at)
    session.create()
    return str(session.session_key)


def _claims(user: User, *, at: datetime) -> dict[str, Any]:
    return {
        "email": user.email,
        "name": user.name,
        "groups": list(user.groups),
        "checked_at": at.isoformat(timespec="seconds"),
    }


def sign_out_everywhere(*, customer_id: str) -> int:
    """End all of a customer's sessions, in every browser; return how many there were.

    Each browser is a stranger at its next request. The second time there is nothing to end.
    """
    return sessions.end_sessions_of(customer_id)


def sign_out_by_staff(*, customer_id: str, by: User, beside: Beside) -> int:
    """End all of somebody's sessions, here and at Cognito; return how many there were here.

    Members of staff are for owners to sign out, and for themselves. ``beside`` is written first: what
    is done at Cognito is in no transaction. Cognito takes no token any more that it gave before. The
    second time there is nothing to end. Raises ``SigningOutRefusedError``, ``AccountNotFoundError``
    and ``CognitoUnavailableError``; where Cognito only fails to end its own, those here have ended.
    """
    if customer_id != by.customer_id and _is_staff(customer_id) and not by.is_superuser:
        raise SigningOutRefusedError(_("Only an owner signs out a member of staff."))
    with transaction() as write:
        beside(write)
    ended = sign_out_everywhere(customer_id=customer_id)
    _at_cognito("admin_user_global_sign_out", customer_id)
    return ended


def disable_account(*, customer_id: str, by: User, beside: Beside = nothing_beside) -> None:
    """Close an account: nobody signs in with it, and whoever is signed in is out.

    An account of staff is for owners to close, and nobody closes their own; of two who close one
    another's at once, the second is refused. So there is always an owner left. The shop's own mark
    and ``beside`` are written first, in one transaction; from then on the shop takes no sign-in, even
    while Cognito does not answer. The second time does what is left to do at Cognito, and writes nothing.
    Raises ``DisablingRefusedError``, ``AccountNotFoundError`` and ``CognitoUnavailableError``.
    """
    _check_may_close(customer_id, by)
    _mark_account(customer_id, disabled=True, by=by, beside=beside)
    try:
        _at_cognito("admin_disable_user", customer_id)
    finally:
        # Last, so that a sign-in that was let through a moment ago has its session by now.
        sign_out_everywhere(customer_id=customer_id)


def enable_account(*, customer_id: str, by: User, beside: Beside = nothing_beside) -> None:
    """Open an account again that was closed, by the shop or at Cognito alone; writes nothing for one that is open.

    Raises as ``disable_account`` does, and is bound by the same rule.
    """
    _check_may_close(customer_id, by)
    marked = _mark_account(customer_id, disabled=False, by=by, beside=beside)
    if not marked and _groups_at_cognito(customer_id) is None:  # Cognito knows it: it is closed there
        with transaction() as write:
            beside(write)
    _at_cognito("admin_enable_user", customer_id)


def _check_may_close(customer_id: str, by: User) -> None:
    if customer_id == by.customer_id:
        raise DisablingRefusedError(_("Nobody disables their own account."))
    if _is_staff(customer_id) and not by.is_superuser:
        raise DisablingRefusedError(_("Only an owner disables or enables the account of a member of staff."))


def _is_staff(customer_id: str) -> bool:
    """Tell whether somebody is in a group of staff, as Cognito says now."""
    groups = selectors.find_groups(customer_id)
    if groups is None:
        raise AccountNotFoundError(_("There is no such account."))
    return bool(set(groups) & set(roles.RIGHTS))


def _mark_account(customer_id: str, *, disabled: bool, by: User, beside: Beside) -> bool:
    """Write the shop's own mark with what goes beside it; ``False`` when it stood there, and nothing was written."""

    def mark() -> None:
        with transaction() as write:
            write.condition_check(CustomerItem, by.customer_id, condition=IS_OPEN)
            write.update(
                CustomerItem(customer_id),
                actions=[
                    CustomerItem.schema_version.set(CustomerItem.schema_version | 1),
                    CustomerItem.disabled.set(disabled),
                ],
                condition=IS_OPEN if disabled else IS_CLOSED,
            )
            beside(write)

    try:
        through_conflicts(mark)
    except TransactWriteError as error:
        codes = cancellation_codes(error)
        if codes[:1] == [CONDITION_FAILED]:
            raise DisablingRefusedError(_("Your own account was disabled a moment ago.")) from error
        if refused_updates(codes, last=1) != [True]:
            raise
        return False
    return True


def _at_cognito(operation: str, customer_id: str) -> None:
    try:
        getattr(aws.cognito(), operation)(UserPoolId=settings.COGNITO_USER_POOL_ID, Username=customer_id)
    except ClientError as error:
        if error.response["Error"]["Code"] == "UserNotFoundException":
            raise AccountNotFoundError(_("There is no such account.")) from error
        raise CognitoUnavailableError(_("Cognito does not answer: please do it once more.")) from error
    except BotoCoreError as error:
        raise CognitoUnavailableError(_("Cognito does not answer: please do it once more.")) from error


def remember_address(*, customer_id: str, address: PostalAddress | Mapping[str, str | None]) -> None:
    """Keep an address for the next order, as the first of the list.

    An address already there moves to the front, whatever its capitals and spaces; the one
    unused longest makes room when there are ten. Costs one GetItem, and an UpdateItem only
    when something changes. An erased customer gets none. Raises ``ValueError`` for an address
    with parts missing.
    """
    kept = address if isinstance(address, PostalAddress) else PostalAddress.of(address)

    def in_front(before: list[PostalAddress]) -> list[PostalAddress]:
        return [kept, *(each for each in before if each.key != kept.key)][:ADDRESSES_KEPT]

    _change_addresses(customer_id, in_front)


def add_address(*, customer_id: str, address: PostalAddress) -> None:
    """Keep another address, as the last of the list; one that is already there stays once.

    Raises ``BadAddressError``, ``TooManyAddressesError``.
    """
    address.checked()

    def added(before: list[PostalAddress]) -> list[PostalAddress]:
        if address.key in {each.key for each in before}:
            return before
        if len(before) >= ADDRESSES_KEPT:
            raise TooManyAddressesError(
                _("You already keep %(count)d addresses. Remove one before you add another.")
                % {"count": ADDRESSES_KEPT}
            )
        return [*before, address]

    _change_addresses(customer_id, added)


def change_address(*, customer_id: str, key: str, address: PostalAddress) -> None:
    """Put an address in the place of another, which is told by its key.

    Raises ``BadAddressError``, and ``AddressNotFoundError`` when it was changed or removed meanwhile.
    """
    address.checked()

    def changed(before: list[PostalAddress]) -> list[PostalAddress]:
        if key not in {each.key for each in before}:
            raise AddressNotFoundError(_("This address is no longer kept."))
        kept = [address if each.key == key else each for each in before]
        return list({each.key: each for each in kept}.values())

    _change_addresses(customer_id, changed)


def remove_address(*, customer_id: str, key: str) -> None:
    """Forget an address; the second time does nothing."""
    _change_addresses(customer_id, lambda before: [each for each in before if each.key != key])


def _change_addresses(customer_id: str, change: AddressChange) -> None:
    """Apply a change to the list as it is stored, and again when another change came first.

    Nothing is kept for a customer who was erased. Raises ``AccountChangedError`` when that happens five times.
    """
    for _attempt in range(TRIES):
        item = selectors.find_item(customer_id)
        if item and item.erased_at:
            return
        stored = item.addresses if item else None
        before = list(selectors.addresses_of(item)) if item else []
        after = change(before)
        if after == before:
            return
        unchanged = CustomerItem.addresses == stored if stored else CustomerItem.addresses.does_not_exist()
        if stored == []:
            unchanged |= CustomerItem.addresses == []
        try:
            CustomerItem(customer_id).update(
                actions=[CustomerItem.addresses.set([_saved(each) for each in after])],
                condition=unchanged & CustomerItem.erased_at.does_not_exist(),
            )
        except UpdateError as error:
            if not is_condition_failure(error):
                raise
            continue
        return
    raise AccountChangedError(_("Your addresses are being changed elsewhere. Please try again."))


def _saved(address: PostalAddress) -> SavedAddress:
    return SavedAddress(**address.as_dict())  # type: ignore[no-untyped-call]  # PynamoDB's is not annotated


def export_customer(*, customer_id: str, at: datetime) -> str:
    """Return all that the shop keeps about a customer, as indented JSON text.

    The rooms above add theirs through ``signals.collect_export``. Raises ``ValueError`` when
    two of them use the same heading: one would hide the other.
    """
    customer = selectors.get_customer(customer_id)
    document: dict[str, Any] = {
        "exported_at": at,
        "customer": {
            "id": customer.customer_id,
            "email": customer.email,
            "name": customer.name,
            "first_seen_at": customer.first_seen_at,
            "addresses": [address.as_dict() for address in customer.addresses],
        },
    }
    parts: Sequence[tuple[object, Any]] = signals.collect_export.send(sender=None, customer_id=customer_id)
    for receiver, part in parts:
        if twice := document.keys() & part.keys():
            msg = f"{receiver} exports {', '.join(sorted(twice))}, which is there already"
            raise ValueError(msg)
        document |= part
    return json.dumps(document, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)


def erase_customer(*, customer_id: str, at: datetime) -> None:
    """Forget a customer: here, in the rooms above, and in Cognito. It cannot be undone.

    All rooms are asked before any forgets: ``ErasureRefusedError`` from one of them leaves
    everything as it was. Each step does nothing the second time, and the session that asked
    is ended last: when one fails, the customer is still signed in and may ask again.
    """
    signals.customer_erasure_asked.send(sender=None, customer_id=customer_id)
    signals.customer_erased.send(sender=None, customer_id=customer_id, at=at)
    try:
        aws.cognito().admin_delete_user(UserPoolId=settings.COGNITO_USER_POOL_ID, Username=customer_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "UserNotFoundException":
            raise
    CustomerItem(customer_id).update(
        actions=[
            CustomerItem.email.remove(),
            CustomerItem.name.remove(),
            CustomerItem.addresses.remove(),
            CustomerItem.erased_at.set(CustomerItem.erased_at | at),
        ]
    )
    sign_out_everywhere(customer_id=customer_id)
    log.info("a customer was erased")
