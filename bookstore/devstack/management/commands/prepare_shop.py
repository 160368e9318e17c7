"""Fill the local stores: tables, the sample catalogue and its orders, the search index and the leaderboards."""

import contextlib
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.urls import reverse

from bookstore.commands import LocalCommand
from bookstore.devstack.payment_provider import Ledger, ProviderError
from orders.management.commands.load_sample_orders import sample_orders

# In this order: rankings count the sample orders, which are of the sample books.
STEPS = {
    "Making the tables": "create_tables",
    "Loading the sample catalogue": "load_sample",
    "Placing the sample orders": "load_sample_orders",
    "Building the search index": "rebuild_search",
    "Building the search index of orders": "rebuild_order_search",
    "Building the leaderboards": "rebuild_leaderboard",
}


class Command(LocalCommand):
    """What is there stays; the index and the leaderboards, held in memory, are built anew each time."""

    help = "Fill the local stores with what the shop needs to open. What is there already stays."
    requires_system_checks = ()  # the web server makes them

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the state file of the payment provider, which does not run yet."""
        parser.add_argument("--payments", type=Path, help="the payment provider's state file")

    def handle(self, *args: Any, **options: Any) -> None:
        for name, command in STEPS.items():
            started = time.monotonic()
            self.stdout.write(f"  {name} …")
            self.stdout.flush()
            call_command(command, stdout=self.stdout, stderr=self.stderr)
            took = time.monotonic() - started
            if took > 2:  # noqa: PLR2004 - seconds; a step that took no time needs no end
                self.stdout.write(f"  {name}: done in {took:.0f} s")
        pay_for_sample_orders(Ledger(options["payments"]))


def pay_for_sample_orders(ledger: Ledger) -> None:
    """Enter the money of the sample orders, so that it can go back. The second time nothing is entered."""
    for order in sample_orders():
        wanted = {
            "order_id": order.order_id,
            "customer_id": order.customer_id,
            "number": order.number,
            "amount": str(order.total),
            "currency": order.currency,
            "return_url": settings.PUBLIC_ORIGIN + order.get_absolute_url(),
            "webhook_url": settings.PUBLIC_ORIGIN + reverse("orders:payment-webhook"),
        }
        with contextlib.suppress(ProviderError):  # it was given up before the provider knew of it
            ledger.pay(ledger.open(wanted).secret, declined=False)
        for delivery, payment in ledger.due(time.time()):
            if payment.order_id == order.order_id:  # which knows: no webhook has to tell it
                ledger.delivered(delivery)
