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
        """Have the tasks function, in calls that may take so long, answer all that it was asked."""
        answers = []
        while self:
            answers.append(self.answer_one(self.pop(0), milliseconds=milliseconds))
        return answers

    def answer_one(self, event: dict[str, Any], *, milliseconds: int = 900_000) -> dict[str, Any]:
        context = SimpleNamespace(
            aws_request_id="r-1",
            function_name="shop-tasks",
            get_remaining_time_in_millis=lambda: milliseconds,
        )
        return tasks.handler(event, context)


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
