"""The cart: for guests and customers."""

from django.apps import AppConfig


class CartConfig(AppConfig):
    """Cart lines, and their way from a guest to a customer."""

    name = "cart"

    def ready(self) -> None:
        """Answer what accounts tells about customers."""
        from bookstore.accounts import signals  # noqa: PLC0415 - once the apps are loaded
        from cart import receivers  # noqa: PLC0415 - the same

        signals.customer_signed_in.connect(receivers.merge_at_sign_in, dispatch_uid="cart.merge_at_sign_in")
        signals.customer_erased.connect(receivers.forget, dispatch_uid="cart.forget")
        signals.collect_export.connect(receivers.export, dispatch_uid="cart.export")
