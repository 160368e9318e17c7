"""Tables that no shop has, for the tests of ``bookstore.dynamodb``; and a façade that lists one year by year."""

from django.db import models
from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection

from bookstore.dynamodb.admin.paths import Path
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.attributes import MoneyAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name


class ByTitle(GlobalSecondaryIndex["VolumeItem"]):
    """What stands on one shelf, by title; it leaves out what only a form shows."""

    class Meta(TableMeta):
        index_name = "byTitle"
        projection = IncludeProjection(["name", "price"])

    listing = UnicodeAttribute(hash_key=True)
    title_key = UnicodeAttribute(attr_name="titleKey", range_key=True)


class Arrivals(GlobalSecondaryIndex["VolumeItem"]):
    """What came in a year, on whatever shelf."""

    class Meta(TableMeta):
        index_name = "arrivals"
        projection = AllProjection()

    arrival_year = UnicodeAttribute(attr_name="arrivalYear", hash_key=True)
    added_key = UnicodeAttribute(attr_name="addedKey", range_key=True)


class PartItem(MapAttribute[str, str]):
    """A person's part in a volume."""

    name = UnicodeAttribute()
    role = UnicodeAttribute(default="author")


class VolumeItem(Table):
    """Something with most of what an item may have: indexes, money, a list, a version, a unique value."""

    class Meta(TableMeta):
        table_name = table_name("Volumes")

    id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    listing = UnicodeAttribute()
    title_key = UnicodeAttribute(attr_name="titleKey")
    arrival_year = UnicodeAttribute(attr_name="arrivalYear", null=True)
    added_key = UnicodeAttribute(attr_name="addedKey", null=True)
    price = MoneyAttribute()
    stock = NumberAttribute(default=0)
    isbn13 = UnicodeAttribute(null=True)
    contributors = ListAttribute(of=PartItem, default=list)
    version = NumberAttribute(default=1)

    by_title = ByTitle()
    arrivals = Arrivals()


class ClaimItem(Table):
    """A value that only one row may have."""

    class Meta(TableMeta):
        table_name = table_name("Claims")

    value = UnicodeAttribute(hash_key=True)


class ReaderItem(Table):
    """Whose address nobody else may have."""

    class Meta(TableMeta):
        table_name = table_name("Readers")

    reader_id = UnicodeAttribute(attr_name="id", hash_key=True)
    email = UnicodeAttribute()


class ByState(GlobalSecondaryIndex["RemarkItem"]):
    """What was said, by what was made of it."""

    class Meta(TableMeta):
        index_name = "byState"
        projection = IncludeProjection(["stars"])

    state = UnicodeAttribute(hash_key=True)
    made_key = UnicodeAttribute(attr_name="madeKey", range_key=True)


class RemarkItem(Table):
    """What a reader said of a volume: its key has two parts."""

    class Meta(TableMeta):
        table_name = table_name("Remarks")

    volume_id = UnicodeAttribute(attr_name="volumeId", hash_key=True)
    reader_id = UnicodeAttribute(attr_name="readerId", range_key=True)
    state = UnicodeAttribute()
    made_key = UnicodeAttribute(attr_name="madeKey")
    stars = NumberAttribute(default=0)

    by_state = ByState()


class Arrival(FacadeModel):
    """A volume among those that came in its year."""

    id = models.CharField(primary_key=True, max_length=9)
    added_key = models.CharField(max_length=9)
    source = Source(
        VolumeItem,
        paths=[
            Path(
                index=VolumeItem.arrivals,
                hash_key="arrival_year",
                range_key="added_key",
                sorts="added_key",
                partitions=lambda low, high: [
                    str(year) for year in range(int(low or 1996), int(high or 2026) + 1)
                ],
            )
        ],
    )

    class Meta(FacadeModel.Meta):
        app_label = "admin_on_dynamodb"
