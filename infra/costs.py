"""What a stage costs a month: standing idle, and per 100,000 visitors. docs/costs.md shows these sums.

Prices are AWS's list prices in dollars without tax for eu-west-2 (London), as they were noted on
2026-11-22; free tiers are left out, and so is what a stage costs below a cent. They are
assumptions: https://calculator.aws knows today's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra import sizes, templates
from infra.place import STAGES

HOURS = 730  # in a month
SECONDS = HOURS * 3600
VISITORS = 100_000

# Dollars an hour.
SEARCH_HOUR = {
    "t3.small.search": 0.041,
    "t3.medium.search": 0.082,
    "m7g.large.search": 0.151,
    "r7g.large.search": 0.197,
}
REDIS_HOUR = {
    "cache.t4g.micro": 0.018,
    "cache.t4g.small": 0.036,
    "cache.m7g.large": 0.180,
    "cache.r7g.large": 0.250,
}
NAT_HOUR, NAT_GB, ADDRESS_HOUR = 0.050, 0.050, 0.005
# Dollars for what the name says.
VOLUME_GIB_MONTH = 0.141
SECRET_MONTH, ALARM_MONTH, DASHBOARD_MONTH, ZONE_MONTH = 0.40, 0.10, 3.00, 0.50
FIREWALL_MONTH, FIREWALL_RULE_MONTH, FIREWALL_MILLION = 5.00, 1.00, 0.60
CALL_MILLION, GB_SECOND = 0.20, 0.0000166667
SNAPSHOT_GB_SECOND, RESTORE_GB = 0.0000015046, 0.0001397998
API_MILLION, EDGE_TEN_THOUSAND, EDGE_GB = 3.50, 0.0120, 0.085
READ_MILLION, WRITE_MILLION = 0.1485, 0.7423
LETTER_THOUSAND, LOG_GB, PERSON = 0.10, 0.5985, 0.015

ACTION_MINUTE, BUILD_MINUTE = 0.002, 0.010

MEMORY_GB = 1769 / 1024
SNAPSHOTS = 2  # versions kept, each with its snapshot (num_retained_versions)
SCHEDULED_CALLS = 60 * HOURS  # release_unpaid_orders, every minute
SCHEDULED_SECONDS = 0.2

# What comes through the pipeline: commits a month, and the minutes of a run's steps.
COMMITS = 20
SOURCE_MINUTES, TEST_MINUTES, DEPLOYMENT_MINUTES = 1, 25, 10
DEPLOYMENTS = 2  # to staging, to production

# What a visitor does, on average.
PAGES = 6
FILES = 25  # style sheets, scripts and covers that the browser does not have yet
KILOBYTES = 400  # over the wire, compressed
PAGES_NOT_KEPT = 3  # of them, those that CloudFront has to ask for
SIGNED_IN = 0.05
BUYERS = 0.03
BUYERS_REQUESTS = 10
CALL_SECONDS = 0.06
READS_A_REQUEST = 2.5  # read units
WRITES = 0.1 * 4 + SIGNED_IN * 4 + BUYERS * 83  # write units; an order is reckoned in docs/operations.md
COLD = 0.01  # of the calls, those that begin with a snapshot


@dataclass(frozen=True)
class Line:
    """One line of the bill: what, the sum in words, and its result in dollars a month."""

    what: str
    how: str
    dollars: float


def idle(stage: str, chosen: Mapping[str, str] | None = None) -> Iterator[Line]:
    """Tell what a stage costs a month when nobody comes."""
    size = _sizes(stage, chosen)
    nats, machines = int(size["NatGateways"]), int(size["SearchInstanceCount"])
    nodes = 1 + int(size["RedisReplicas"])
    volume = int(size["SearchVolumeGiB"])
    search_hour = _price(SEARCH_HOUR, size["SearchInstanceType"])
    redis_hour = _price(REDIS_HOUR, size["RedisNodeType"])
    yield Line(
        "Search machines",
        f"{machines} × {size['SearchInstanceType']} × {HOURS} h × {search_hour}",
        machines * HOURS * search_hour,
    )
    if size["SearchMasterType"]:
        hour = _price(SEARCH_HOUR, size["SearchMasterType"])
        yield Line("Search masters", f"3 × {size['SearchMasterType']} × {HOURS} h × {hour}", 3 * HOURS * hour)
    yield Line(
        "Search volumes",
        f"{machines} × {volume} GiB × {VOLUME_GIB_MONTH}",
        machines * volume * VOLUME_GIB_MONTH,
    )
    yield Line("NAT gateways", f"{nats} × {HOURS} h × {NAT_HOUR}", nats * HOURS * NAT_HOUR)
    yield Line("Their public addresses", f"{nats} × {HOURS} h × {ADDRESS_HOUR}", nats * HOURS * ADDRESS_HOUR)
    yield Line(
        "Redis", f"{nodes} × {size['RedisNodeType']} × {HOURS} h × {redis_hour}", nodes * HOURS * redis_hour
    )
    yield Line(
        "Snapshots of the web function",
        f"{SNAPSHOTS} × {MEMORY_GB:.2f} GB × {SECONDS:,} s × {SNAPSHOT_GB_SECOND}",
        SNAPSHOTS * MEMORY_GB * SECONDS * SNAPSHOT_GB_SECOND,
    )
    secrets, alarms = _count("AWS::SecretsManager::Secret"), _count("AWS::CloudWatch::Alarm")
    yield Line("Secrets", f"{secrets} × {SECRET_MONTH}", secrets * SECRET_MONTH)
    yield Line(
        "Alarms and a dashboard",
        f"{alarms} × {ALARM_MONTH} + {DASHBOARD_MONTH:.0f}",
        alarms * ALARM_MONTH + DASHBOARD_MONTH,
    )
    yield Line(
        "The task of every minute",
        f"{SCHEDULED_CALLS:,} × ({CALL_MILLION} / million + {SCHEDULED_SECONDS} s × {MEMORY_GB:.2f} GB × {GB_SECOND})",
        SCHEDULED_CALLS * (CALL_MILLION / 1e6 + SCHEDULED_SECONDS * MEMORY_GB * GB_SECOND),
    )
    if size["Firewall"] == "true":
        rules = len(templates.resources("firewall")["WebAcl"]["Properties"]["Rules"])
        yield Line(
            "Firewall",
            f"{FIREWALL_MONTH:.0f} + {rules} rules × {FIREWALL_RULE_MONTH:.0f}",
            FIREWALL_MONTH + rules * FIREWALL_RULE_MONTH,
        )
    if size["HostedZoneId"]:
        yield Line(
            "The domain's zone", f"1 × {ZONE_MONTH} (the name itself is paid to its registrar)", ZONE_MONTH
        )


def visits(stage: str, chosen: Mapping[str, str] | None = None) -> Iterator[Line]:
    """Tell what 100,000 visitors cost on top."""
    size = _sizes(stage, chosen)
    requests = VISITORS * (2 * PAGES + FILES)
    calls = round(VISITORS * (PAGES_NOT_KEPT + PAGES + BUYERS * BUYERS_REQUESTS))
    gigabytes = VISITORS * KILOBYTES / 1e6
    logged = calls * 1.5e-6  # GB: three lines of half a kilobyte
    yield Line(
        "CloudFront, requests",
        f"{requests:,} × {EDGE_TEN_THOUSAND} / 10,000",
        requests / 1e4 * EDGE_TEN_THOUSAND,
    )
    yield Line("CloudFront, traffic", f"{gigabytes:.0f} GB × {EDGE_GB}", gigabytes * EDGE_GB)
    yield Line("API Gateway", f"{calls:,} × {API_MILLION} / million", calls / 1e6 * API_MILLION)
    yield Line(
        "Lambda, web",
        f"{calls:,} × ({CALL_MILLION} / million + {CALL_SECONDS} s × {MEMORY_GB:.2f} GB × {GB_SECOND})",
        calls * (CALL_MILLION / 1e6 + CALL_SECONDS * MEMORY_GB * GB_SECOND),
    )
    yield Line(
        "Cold starts from a snapshot",
        f"{calls * COLD:,.0f} × {MEMORY_GB:.2f} GB × {RESTORE_GB}",
        calls * COLD * MEMORY_GB * RESTORE_GB,
    )
    yield Line(
        "DynamoDB, reads",
        f"{calls:,} × {READS_A_REQUEST} × {READ_MILLION} / million",
        calls * READS_A_REQUEST / 1e6 * READ_MILLION,
    )
    yield Line(
        "DynamoDB, writes",
        f"{VISITORS:,} × {WRITES:.1f} × {WRITE_MILLION} / million",
        VISITORS * WRITES / 1e6 * WRITE_MILLION,
    )
    yield Line("Cognito", f"{VISITORS * SIGNED_IN:,.0f} people × {PERSON}", VISITORS * SIGNED_IN * PERSON)
    yield Line(
        "Letters",
        f"{VISITORS * BUYERS:,.0f} orders × 2 × {LETTER_THOUSAND} / 1,000",
        VISITORS * BUYERS * 2 / 1e3 * LETTER_THOUSAND,
    )
    yield Line("Logs", f"{logged:.1f} GB × {LOG_GB}", logged * LOG_GB)
    yield Line("NAT, traffic", f"1 GB × {NAT_GB}", NAT_GB)
    if size["Firewall"] == "true":
        yield Line(
            "Firewall, requests",
            f"{requests:,} × {FIREWALL_MILLION} / million",
            requests / 1e6 * FIREWALL_MILLION,
        )


def pipeline() -> Iterator[Line]:
    """Tell what the pipeline costs a month, once for all stages; a person's approval costs nothing."""
    building = TEST_MINUTES + DEPLOYMENTS * DEPLOYMENT_MINUTES
    yield Line(
        "CodePipeline",
        f"{COMMITS} commits × {SOURCE_MINUTES + building} minutes × {ACTION_MINUTE}",
        COMMITS * (SOURCE_MINUTES + building) * ACTION_MINUTE,
    )
    yield Line(
        "CodeBuild",
        f"{COMMITS} commits × {building} minutes × {BUILD_MINUTE}",
        COMMITS * building * BUILD_MINUTE,
    )


def total(lines: Iterator[Line]) -> float:
    """Add up a bill."""
    return sum(line.dollars for line in lines)


def table(lines: Iterator[Line]) -> str:
    """Return a bill as a table in Markdown, its sum below."""
    bill = list(lines)
    rows = [f"| {line.what} | {line.how} | {line.dollars:.2f} |" for line in bill]
    return "\n".join(
        [
            "| what | how | $ a month |",
            "|---|---|--:|",
            *rows,
            f"| **together** | | **{total(iter(bill)):.2f}** |",
        ]
    )


def document() -> str:
    """Return the part of docs/costs.md that is computed."""
    parts = ["| stage | idle, $ a month | per 100,000 visitors, $ |", "|---|--:|--:|"]
    parts += [f"| {stage} | {total(idle(stage)):.0f} | {total(visits(stage)):.0f} |" for stage in STAGES]
    for title, stage in (("The smallest set-up (dev)", "dev"), ("Production", "production")):
        parts += [
            "",
            f"## {title}",
            "",
            "Idle:",
            "",
            table(idle(stage)),
            "",
            "100,000 visitors on top:",
            "",
            table(visits(stage)),
        ]
    parts += ["", "## The pipeline", "", table(pipeline())]
    return "\n".join(parts) + "\n"


def _sizes(stage: str, chosen: Mapping[str, str] | None) -> dict[str, str]:
    """Return every parameter of the data and edge stacks as a stage has it."""
    defaults = {
        name: str(told["Default"])
        for stack in ("edge", "data")
        for name, told in templates.parameters(stack).items()
        if "Default" in told
    }
    return defaults | sizes.of_stage(stage) | dict(chosen or {})


def _price(prices: Mapping[str, float], kind: str) -> float:
    """Return a machine's price; one that is not in the list counts as the dearest of it."""
    return prices.get(kind, max(prices.values()))


def _count(kind: str) -> int:
    return sum(
        resource["Type"] == kind
        for stack in ("data", "edge", "sign-in", "site")
        for resource in templates.resources(stack).values()
    )
