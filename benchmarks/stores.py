"""The stores that something is measured on: empty, behind proxies that count, and gone afterwards."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from bookstore import aws
from bookstore.devstack import stores
from bookstore.dynamodb.tables import all_tables
from catalog import search
from orders.search import ORDERS
from tests import settings as ports
from tests.engines import stores as engines
from tests.wire import Proxy, Wire


@dataclass(frozen=True)
class Stores:
    """Running stores, and the lines to them."""

    wire: Wire
    dynamodb: stores.Store  # the local AWS itself, or DynamoDB Local

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process of the shop that asks the stores directly: a proxy takes its time."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "bookstore.settings",
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://{stores.LOOPBACK}:{self.wire.dynamodb.upstream_port}",
            "OPENSEARCH_URL": f"http://{stores.LOOPBACK}:{self.wire.opensearch.upstream_port}",
            "REDIS_URL": f"redis://{stores.LOOPBACK}:{self.wire.redis.upstream_port}/0",
        }


@contextlib.contextmanager
def running_stores() -> Iterator[Stores]:
    """Start stores with all tables, both search indexes, the bucket and the queue of dead letters.

    They are the embedded ones, but for DynamoDB where ``TEST_STORES`` asks for the real one.
    """
    wire = Wire(
        Proxy(ports.DYNAMODB_PORT, ports.DYNAMODB_STORE_PORT),
        Proxy(ports.SEARCH_PORT, stores.free_port()),
        Proxy(ports.REDIS_PORT, stores.free_port()),
    )
    with contextlib.ExitStack() as running:

        def keep(store: stores.Store) -> stores.Store:
            running.callback(store.stop)
            return store

        dynamodb = keep(stores.start_aws(port=ports.AWS_PORT))
        if ports.REAL_ENGINES:
            dynamodb = keep(
                engines.start_dynamodb(port=ports.DYNAMODB_STORE_PORT, java_options=engines.LONG_LIVED)
            )
        keep(stores.start_search(port=wire.opensearch.upstream_port))
        keep(stores.start_redis(port=wire.redis.upstream_port))
        for proxy in (wire.dynamodb, wire.opensearch, wire.redis):
            proxy.start()
        for table in all_tables():
            table.create_table()
        aws.s3().create_bucket(
            Bucket=settings.COVERS_BUCKET,
            CreateBucketConfiguration={"LocationConstraint": settings.AWS_REGION},  # type: ignore[typeddict-item]  # one of the stubs' regions
        )
        aws.sqs().create_queue(QueueName=settings.DEAD_LETTER_QUEUE_URL.rpartition("/")[2])
        search.BOOKS.create()
        ORDERS.create()
        yield Stores(wire, dynamodb)
