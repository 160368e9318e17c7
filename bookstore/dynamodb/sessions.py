"""``SESSION_ENGINE = "bookstore.dynamodb.sessions"``: sessions that can be revoked.

Reading a session is one consistent GetItem and writes nothing. A cookie whose session was
ended, here or by another browser, belongs to nobody at once. When DynamoDB does not answer,
every method raises: a signed-in customer is never taken for a stranger.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, CreateError, SessionBase, UpdateError
from django.utils.crypto import get_random_string
from pynamodb.exceptions import PutError

from bookstore.dynamodb.errors import is_condition_failure
from bookstore.dynamodb.models import SessionItem

KEY_LENGTH = 32  # of 36 characters: 165 bits


class SessionStore(SessionBase):
    """One browser's session, in one item."""

    def is_empty(self) -> bool:
        """Tell whether there is nothing to keep.

        A session that nobody looked at is left alone. Django would delete the cookie of one
        whose key is malformed, on public pages too, which may set no cookie.
        """
        return self.accessed and super().is_empty()

    def load(self) -> dict[str, Any]:
        """Return the session's data; empty when it was ended, has expired or never was."""
        try:
            item = SessionItem.get(hash_of(self._key()), consistent_read=True)
        except SessionItem.DoesNotExist:
            item = None
        # DynamoDB deletes expired items late, by days at worst.
        if item is None or item.expires_at <= datetime.now(UTC):
            self._session_key = None
            return {}
        return self.decode(item.data)

    def exists(self, session_key: str) -> bool:
        """Tell whether a session of this key is stored, expired or not."""
        try:
            SessionItem.get(hash_of(session_key), consistent_read=True, attributes_to_get=["keyHash"])
        except SessionItem.DoesNotExist:
            return False
        return True

    def create(self) -> None:
        """Store the session under a new key, which no session has."""
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def _get_new_session_key(self) -> str:
        # The write is conditional, so there is no need to look first.
        return get_random_string(KEY_LENGTH, VALID_KEY_CHARS)

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Store the session with one conditional write.

        Raises ``UpdateError`` when it was ended meanwhile, so that a request which is still
        under way cannot bring it back, and ``CreateError`` when ``must_create`` meets
        another session.
        """
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # the stubs leave it out
        item = SessionItem(
            hash_of(self._key()),
            customer_id=data.get(SESSION_KEY),
            data=self.encode(data),
            expires_at=self.get_expiry_date(),
        )
        condition = SessionItem.key_hash.does_not_exist() if must_create else SessionItem.key_hash.exists()
        try:
            item.save(condition=condition)
        except PutError as error:
            if not is_condition_failure(error):
                raise
            raise (CreateError if must_create else UpdateError) from error

    def delete(self, session_key: str | None = None) -> None:
        """End a session, this one by default; the second time does nothing."""
        key = session_key or self.session_key
        if key:
            SessionItem(hash_of(key)).delete()

    @classmethod
    def clear_expired(cls) -> None:
        """Do nothing: DynamoDB's TTL deletes what has expired."""

    def _key(self) -> str:
        key = self.session_key
        if key is None:
            msg = "This session has no key yet."
            raise ValueError(msg)
        return key


def hash_of(session_key: str) -> str:
    """Return what the table holds in place of a cookie's value."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def end_sessions_of(customer_id: str) -> int:
    """End all sessions of a customer and return how many there were.

    Costs one Query and one batch write for each 25 sessions. The index follows the table by
    a moment, so a session begun in the same instant may stay; call it again to be sure.
    """
    ended = 0
    with SessionItem.batch_write() as batch:
        for item in SessionItem.by_customer.query(customer_id):
            batch.delete(item)
            ended += 1
    return ended
