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


@pytest.mark.parametrize(
    ("groups", "staff"),
    [((), False), (("staff",), True), (("staff", "x"), True), (("Staff",), False), (("staffers",), False)],
)
def test_the_group_makes_staff(groups: tuple[str, ...], staff: bool) -> None:
    user = User.of(customer_id="c-1", email="s@example.com", groups=groups)
    assert user.is_staff is staff
    assert user.is_superuser is staff
    assert user.has_perm("catalog.change_book") is staff
    assert user.has_perms(["catalog.change_book", "orders.view_order"]) is staff
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
