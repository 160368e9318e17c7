"""Customers and staff, and how they sign in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Sign-in with Cognito, the customer, addresses, export and erasure."""

    name = "bookstore.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Have every sign-in keep what Cognito said about the person in the session."""
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415 - once the apps are loaded

        from bookstore.accounts import services  # noqa: PLC0415 - the same

        user_logged_in.connect(services.keep_claims, dispatch_uid="accounts.keep_claims")
