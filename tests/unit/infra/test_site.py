"""The site stack: mappings that lose nothing, schedules, and alarms that go off."""

import json
import re
from typing import Any

import pytest
from django.core.management import get_commands

from infra import templates

STREAM_SECONDS = 24 * 60 * 60  # for which DynamoDB keeps a record


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the stack's resources of one kind, by their names."""
    return {
        name: resource["Properties"]
        for name, resource in templates.resources("site").items()
        if resource["Type"] == kind
    }


@pytest.mark.parametrize("name", ["Books", "Orders"])
def test_a_mapping_begins_with_the_oldest_record_and_loses_none(name: str) -> None:
    mapping = of_type("AWS::Lambda::EventSourceMapping")[f"{name}Mapping"]
    assert mapping["EventSourceArn"] == {"Ref": f"{name}StreamArn"}
    assert mapping["FunctionName"] == {"Fn::Sub": "bookstore-${Stage}-projector"}
    assert mapping["Enabled"] is True
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Ref": "MappingFailureQueueArn"}}}


def test_a_batch_is_given_up_while_it_can_still_be_read() -> None:
    for mapping in of_type("AWS::Lambda::EventSourceMapping").values():
        assert (
            0 < mapping["MaximumRetryAttempts"] <= 10_000
        )  # -1, the default, would block the shard for a day
        assert 0 < mapping["MaximumRecordAgeInSeconds"] <= STREAM_SECONDS / 2


def test_the_clock_starts_tasks_that_there_are() -> None:
    schedules = of_type("AWS::Scheduler::Schedule")
    asked = {}
    for schedule in schedules.values():
        assert schedule["Target"]["Arn"]["Fn::Sub"].endswith(":function:bookstore-${Stage}-tasks")
        asked[json.loads(schedule["Target"]["Input"])["command"]] = schedule["ScheduleExpression"]
    assert asked["release_unpaid_orders"] == "rate(1 minute)"
    assert {"build_sitemap", "check_streams", "recount_categories"} <= asked.keys()
    assert asked.keys() <= get_commands().keys()


def test_every_way_to_fail_has_an_alarm_and_every_alarm_tells_somebody() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        assert alarm["AlarmDescription"].endswith(".")
    watched = {
        (alarm["MetricName"], str(dimension["Value"]))
        for alarm in alarms.values()
        for dimension in alarm["Dimensions"]
    }
    function = "{{'Fn::Sub': 'bookstore-${{Stage}}{}'}}".format
    for kind in ("", "-projector", "-tasks"):
        assert ("Errors", function(kind)) in watched
        assert ("Throttles", function(kind)) in watched
    assert ("IteratorAge", function("-projector")) in watched
    assert ("5XXError", function("")) in watched
    assert ("Latency", function("")) in watched
    depths = [queue for metric, queue in watched if metric == "ApproximateNumberOfMessagesVisible"]
    assert {re.findall(r"\w+QueueArn", queue)[0] for queue in depths} == {
        "DeadLetterQueueArn",
        "MappingFailureQueueArn",
    }
    assert alarms["ApiLatencyAlarm"]["ExtendedStatistic"] == "p95"


def test_alarms_reach_the_topic_and_the_topic_a_person() -> None:
    resources = templates.resources("site")
    assert resources["AlarmsByEmail"]["Condition"] == "HasAlarmEmail"
    (statement,) = resources["AlarmsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_the_dashboard_can_be_read() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"]["Fn::Sub"])
    metrics = json.dumps([widget["properties"]["metrics"] for widget in body["widgets"]])
    for metric in ("5XXError", "Latency", "IteratorAge", "ApproximateNumberOfMessagesVisible"):
        assert metric in metrics


def test_logs_are_kept_for_a_while() -> None:
    groups = {
        resource["Properties"]["LogGroupName"]["Fn::Sub"]: resource["Properties"]["RetentionInDays"]
        for resource in templates.resources("roles").values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    }
    assert groups.keys() == {
        f"/aws/lambda/bookstore-${{Stage}}{kind}" for kind in ("", "-projector", "-tasks")
    }
    assert all(days == {"Ref": "LogDays"} for days in groups.values())


def test_the_budget_is_told_before_it_is_spent() -> None:
    (budget,) = of_type("AWS::Budgets::Budget").values()
    told = [each["Notification"] for each in budget["NotificationsWithSubscribers"]]
    assert ("ACTUAL", 80) in {(each["NotificationType"], each["Threshold"]) for each in told}
    assert "FORECASTED" in {each["NotificationType"] for each in told}
