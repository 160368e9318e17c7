"""The customers' table, and the user that Django sees. Only ``accounts`` reads or writes the table."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from pynamodb.attributes import BooleanAttribute, ListAttribute, MapAttribute, UnicodeAttribute

from bookstore.accounts import roles
from bookstore.dynamodb.attributes import InstantAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name


class SavedAddress(MapAttribute[str, str]):
    """An address that a customer keeps for the next order."""

    name = UnicodeAttribute()
    line1 = UnicodeAttribute()
    line2 = UnicodeAttribute(default="")
    city = UnicodeAttribute()
    region = UnicodeAttribute(default="")
    postcode = UnicodeAttribute()
    country = UnicodeAttribute()  # ISO 3166-1 alpha-2
    phone = UnicodeAttribute(default="")


class CustomerItem(Table):
    """What the shop keeps about a customer beside orders and reviews."""

    class Meta(TableMeta):
        table_name = table_name("Customers")

    customer_id = UnicodeAttribute(attr_name="id", hash_key=True)  # Cognito's `sub`
    email = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    addresses = ListAttribute(of=SavedAddress, default=list)  # the one used last comes first
    disabled = BooleanAttribute(default=False)
    first_seen_at = InstantAttribute(attr_name="firstSeenAt", null=True)
    erased_at = InstantAttribute(attr_name="erasedAt", null=True)


class User(AbstractBaseUser):
    """The person who is signed in, as the session tells; there is no SQL behind it.

    Cognito keeps the passwords and the groups. The session repeats what Cognito said at
    sign-in, so that no page has to ask again.
    """

    password = None  # type: ignore[assignment]  # Cognito's; removes the column
    last_login = None  # else Django would write it at every sign-in

    customer_id = models.CharField(_("customer"), primary_key=True, max_length=128)
    email = models.EmailField(_("e-mail address"), blank=True)
    name = models.CharField(_("name"), blank=True, max_length=200)
    groups = models.JSONField(_("groups"), blank=True, default=list)
    checked_at = models.DateTimeField(_("checked at"), null=True)

    USERNAME_FIELD = "customer_id"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        managed = False
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return self.email or self.customer_id

    @classmethod
    def of(
        cls,
        *,
        customer_id: str,
        email: str,
        name: str = "",
        groups: Iterable[str] = (),
        checked_at: datetime | None = None,
    ) -> "User":
        """Make the user of a session or of an id token."""
        return cls(
            customer_id=customer_id, email=email, name=name, groups=sorted(groups), checked_at=checked_at
        )

    def get_full_name(self) -> str:
        """Return the name that Cognito knows, which may be empty."""
        return self.name

    def get_short_name(self) -> str:
        """Return what to call the person in a header."""
        return self.name or self.email

    def has_usable_password(self) -> bool:
        """Return False: the shop never sees a password."""
        return False

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Nothing to compare with but the id: a session is ended by deleting it.
        return salted_hmac(
            "bookstore.accounts.User", self.customer_id, secret=secret, algorithm="sha256"
        ).hexdigest()

    @property
    def is_staff(self) -> bool:
        """Whether the person may use the admin."""
        return roles.STAFF in self.groups

    @property
    def is_superuser(self) -> bool:
        """Whether the person may do everything in the admin."""
        return self.is_staff and roles.OWNER in self.groups

    def get_all_permissions(self, obj: object = None) -> set[str]:  # noqa: ARG002 - Django's signature
        """Return the single permissions held; those of an owner, who has all, are not counted up."""
        return {
            right
            for group in (self.groups if self.is_staff else ())
            for right in roles.RIGHTS.get(group, ())
            if "*" not in right
        }

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Tell whether the person may do one thing in the admin, such as ``catalog.change_book``."""
        return roles.may(self.groups, perm)

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Tell whether the person may do all of these things."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        """Tell whether the person may see an app in the admin."""
        return self.is_staff
