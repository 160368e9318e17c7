"""Checkout, payments, and orders and their life."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders, from the cart to the door."""

    name = "orders"

    def ready(self) -> None:
        """Answer what accounts tells about customers."""
        from bookstore.accounts import signals  # noqa: PLC0415 - once the apps are loaded
        from orders import receivers  # noqa: PLC0415 - the same

        signals.customer_erasure_asked.connect(receivers.may_forget, dispatch_uid="orders.may_forget")
        signals.customer_erased.connect(receivers.forget, dispatch_uid="orders.forget")
        signals.collect_export.connect(receivers.export, dispatch_uid="orders.export")
        signals.collect_for_staff.connect(receivers.show_staff, dispatch_uid="orders.show_staff")
