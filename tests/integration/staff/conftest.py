"""The owner of the shop, and the tasks function as the pages ask it."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from bookstore import aws
from bookstore.functions import tasks


@pytest.fixture
def owner(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="o-1", email="owner@example.com", groups=("owner", "staff"))


class Asked(list[dict[str, Any]]):
    """What the pages asked the tasks function for."""

    def answer(self, *, milliseconds: int = 900_000) -> list[dict[str, Any]]:
        """Have the tasks function, in a call that may take so long, answer all that it was asked."""
        context = SimpleNamespace(
            aws_request_id="r-1",
            function_name="shop-tasks",
            get_remaining_time_in_millis=lambda: milliseconds,
        )
        answers = []
        while self:
            answers.append(tasks.handler(self.pop(0), context))
        return answers


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the pages ask the tasks function for, which answers when a test has it do so."""
    monkeypatch.setattr(settings, "TASKS_FUNCTION", "shop-tasks")
    events = Asked()

    def invoke(**call: Any) -> None:
        assert (call["FunctionName"], call["InvocationType"]) == ("shop-tasks", "Event")
        events.append(json.loads(call["Payload"]))

    monkeypatch.setattr(aws, "functions", lambda: SimpleNamespace(invoke=invoke))
    return events
