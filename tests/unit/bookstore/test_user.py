import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from bookstore.accounts.models import User


def test_the_user_of_django_is_the_customer() -> None:
    user = User.of(customer_id="c-1", email="reader@example.com", name="Ada Reader")
    assert get_user_model() is User
    assert (user.pk, user.customer_id, user.get_username()) == ("c-1", "c-1", "c-1")
    assert (user.is_authenticated, user.is_active, user.has_usable_password()) == (True, True, False)
    assert user.get_short_name() == "Ada Reader"
    assert User.of(customer_id="c-1", email="reader@example.com").get_short_name() == "reader@example.com"


def test_each_group_adds_rights_to_those_of_staff() -> None:
    def may(right: str, *groups: str) -> bool:
        return User.of(customer_id="c-1", email="s@example.com", groups=groups).has_perm(right)

    assert may("catalog.view_book", "staff")
    assert not may("catalog.change_book", "staff")
    assert may("catalog.change_book", "staff", "catalogue")
    assert not may("orders.refund_order", "staff", "catalogue")
    assert may("orders.refund_order", "staff", "orders")
    assert not may("orders.refund_order", "staff", "support")
    assert may("anything.whatever_thing", "staff", "owner")
    assert not may("catalog.view_book", "owner"), "without `staff` no group opens anything"
    owner = User.of(customer_id="c-1", email="o@example.com", groups=("staff", "owner"))
    assert owner.is_superuser
    assert (
        "catalog.change_book"
        in User.of(customer_id="c-1", email="", groups=("staff", "catalogue")).get_all_permissions()
    )


@pytest.mark.parametrize(
    ("groups", "staff"),
    [((), False), (("staff",), True), (("staff", "x"), True), (("Staff",), False), (("staffers",), False)],
)
def test_the_group_makes_staff(groups: tuple[str, ...], staff: bool) -> None:
    user = User.of(customer_id="c-1", email="s@example.com", groups=groups)
    assert user.is_staff is staff
    assert user.is_superuser is False
    assert user.has_perm("catalog.view_book") is staff
    assert user.has_perms(["catalog.view_book", "orders.view_order"]) is staff
    assert user.has_module_perms("catalog") is staff


def test_each_customer_and_each_secret_has_another_session_hash(settings) -> None:  # type: ignore[no-untyped-def]
    one, other = (User.of(customer_id=each, email="") for each in ("c-1", "c-2"))
    assert one.get_session_auth_hash() != other.get_session_auth_hash()
    before = one.get_session_auth_hash()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
    assert one.get_session_auth_hash() != before
    assert before in list(one.get_session_auth_fallback_hash())


def test_no_table_stands_behind_the_user() -> None:
    with pytest.raises(ImproperlyConfigured, match="no SQL database"):
        User.objects.get(pk="c-1")
    with pytest.raises(ImproperlyConfigured, match="no SQL database"):
        User.of(customer_id="c-1", email="").save()
