"""The catalogue's tables: Books, Categories, Contributions, Reviews, StockLedger and Uniques.

Attribute names in DynamoDB are those of the system that this shop succeeds, so that its
data can be imported. Only ``catalog`` reads or writes these tables.
"""

from django.urls import reverse
from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection

from bookstore.dynamodb.attributes import (
    DecimalAttribute,
    InstantAttribute,
    MoneyAttribute,
    RequestIdAttribute,
)
from bookstore.dynamodb.tables import Table, TableMeta, table_name
from catalog import keys
from catalog.cover_names import address_of, srcset_of

# What a card on a list shows. `availability` stands in for `stock`, so that a sale which
# leaves a book in stock rewrites no index.
CARD = [
    "name",
    "author",
    "category",
    "cover",
    "price",
    "currency",
    "rating",
    "ratingCount",
    "availability",
    "publishedOn",
    "addedAt",
]


# What a review's `status` says.
PUBLISHED = "published"
HIDDEN = "hidden"  # by staff: it stands on no page, and its stars do not count

# What `availability` says.
IN_STOCK = "in_stock"
LOW = "low"
SOLD_OUT = "sold_out"
# What `standing` says beside the latter two.
WITHDRAWN = "withdrawn"

LOW_STOCK = 5  # copies: so few are worth a word on the page


def availability_of(stock: int) -> str:
    """Return what so many copies are called: ``IN_STOCK``, ``LOW`` or ``SOLD_OUT``."""
    return SOLD_OUT if stock <= 0 else LOW if stock <= LOW_STOCK else IN_STOCK


# Below this many readers' ratings the stars are called our booksellers'.
ENOUGH_READERS = 3


class _ListIndexMeta(TableMeta):
    projection = IncludeProjection(CARD)


class ByTitle(GlobalSecondaryIndex["Book"]):
    """A category's books by title."""

    class Meta(_ListIndexMeta):
        index_name = "byTitle"

    listing = UnicodeAttribute(hash_key=True)
    title_key = UnicodeAttribute(attr_name="titleKey", range_key=True)


class ByPrice(GlobalSecondaryIndex["Book"]):
    """A category's books by price."""

    class Meta(_ListIndexMeta):
        index_name = "byPrice"

    listing = UnicodeAttribute(hash_key=True)
    price_key = UnicodeAttribute(attr_name="priceKey", range_key=True)


class ByRating(GlobalSecondaryIndex["Book"]):
    """A category's books by rating."""

    class Meta(_ListIndexMeta):
        index_name = "byRating"

    listing = UnicodeAttribute(hash_key=True)
    rating_key = UnicodeAttribute(attr_name="ratingKey", range_key=True)


class ByDate(GlobalSecondaryIndex["Book"]):
    """A category's books by the date they came into the shop."""

    class Meta(_ListIndexMeta):
        index_name = "byDate"

    listing = UnicodeAttribute(hash_key=True)
    added_key = UnicodeAttribute(attr_name="addedKey", range_key=True)


class Arrivals(GlobalSecondaryIndex["Book"]):
    """A year's new arrivals, whatever their category."""

    class Meta(_ListIndexMeta):
        index_name = "arrivals"

    arrival_year = UnicodeAttribute(attr_name="arrivalYear", hash_key=True)
    added_key = UnicodeAttribute(attr_name="addedKey", range_key=True)


class ByStanding(GlobalSecondaryIndex["Book"]):
    """The books that staff have to look after, by title, with their copies; few, since any other has no standing."""

    class Meta(TableMeta):
        index_name = "byStanding"
        projection = IncludeProjection([*CARD, "stock"])

    standing = UnicodeAttribute(hash_key=True)
    title_key = UnicodeAttribute(attr_name="titleKey", range_key=True)


class Contributor(MapAttribute[str, str]):
    """A person's part in a book: name as printed, the author page's slug, and a role."""

    name = UnicodeAttribute()
    slug = UnicodeAttribute()
    role = UnicodeAttribute(default="author")  # author, translator, illustrator, editor


class Book(Table):
    """An edition that the shop sells.

    A book read from an index knows what a card shows; its other attributes are empty or have
    their defaults, ``stock`` among them but for ``byStanding``: ask ``in_stock``.
    """

    class Meta(TableMeta):
        table_name = table_name("Books")
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()  # the title
    author = UnicodeAttribute(default="")  # as printed on the cover, several joined by commas
    contributors = ListAttribute(of=Contributor, default=list)
    category = UnicodeAttribute()  # the category's slug
    cover = UnicodeAttribute(null=True)  # name in the covers bucket
    price = MoneyAttribute()  # includes tax
    currency = UnicodeAttribute()  # ISO 4217
    description = UnicodeAttribute(default="")
    isbn13 = UnicodeAttribute(null=True)  # 13 digits
    language = UnicodeAttribute(null=True)  # ISO 639-1, of this edition
    publisher = UnicodeAttribute(null=True)
    published_on = UnicodeAttribute(attr_name="publishedOn", null=True)  # YYYY, YYYY-MM or YYYY-MM-DD
    pages = NumberAttribute(null=True)
    format = UnicodeAttribute(null=True)  # paperback, hardback
    series = UnicodeAttribute(null=True)
    location = UnicodeAttribute(null=True)  # the shelf it stands on

    stock = NumberAttribute(default=0)  # copies
    availability = UnicodeAttribute()  # IN_STOCK, LOW or SOLD_OUT: derived from stock
    prior_rating = DecimalAttribute(attr_name="priorRating", null=True)  # our booksellers', 1 to 5
    rating_sum = NumberAttribute(attr_name="ratingSum", default=0)  # stars of published reviews
    rating_count = NumberAttribute(attr_name="ratingCount", default=0)  # published reviews
    rating = DecimalAttribute()  # Bayesian mean, 2 places: derived from the three above

    listing = UnicodeAttribute(null=True)  # the category's slug; absent when withdrawn
    arrival_year = UnicodeAttribute(attr_name="arrivalYear", null=True)  # YYYY; absent when withdrawn
    # LOW, SOLD_OUT or WITHDRAWN: derived; absent for a book on sale that is in stock.
    standing = UnicodeAttribute(null=True)
    title_key = UnicodeAttribute(attr_name="titleKey")
    price_key = UnicodeAttribute(attr_name="priceKey")
    rating_key = UnicodeAttribute(attr_name="ratingKey")
    added_key = UnicodeAttribute(attr_name="addedKey")

    version = NumberAttribute(default=1)  # goes up when people edit: staff's optimistic lock
    revision = NumberAttribute()  # goes up at every write: the search index's external version
    request_id = RequestIdAttribute()
    added_at = InstantAttribute(attr_name="addedAt")
    updated_at = InstantAttribute(attr_name="updatedAt")
    withdrawn_at = InstantAttribute(attr_name="withdrawnAt", null=True)

    by_title = ByTitle()
    by_price = ByPrice()
    by_rating = ByRating()
    by_date = ByDate()
    arrivals = Arrivals()
    by_standing = ByStanding()

    # The properties below need only what a card shows: they work on items of every index.

    @classmethod
    def rewritten(cls) -> tuple[Action, Action]:
        """Return what each write of a book that is there says beside what it changes."""
        return cls.revision.add(1), cls.request_id.written()

    @property
    def title(self) -> str:
        """The name on the cover."""
        return self.name

    @property
    def slug(self) -> str:
        """The readable end of the book's address; it changes with the title."""
        return keys.book_slug(self.name)

    @property
    def is_sold(self) -> bool:
        """Whether the shop sells this book; a withdrawn one stays only in what was bought before."""
        return bool(self.listing or self.arrival_year)  # each public index carries one of the two

    @property
    def in_stock(self) -> bool:
        """Whether there is a copy to buy; of a book from an index, as far as the last projection knew."""
        return self.is_sold and self.availability != SOLD_OUT

    @property
    def cover_url(self) -> str:
        """Where the cover's picture is: in the bucket, or drawn on demand by the shop."""
        if self.cover:
            return address_of(self.cover)
        return reverse("catalog:cover", args=[self.id])

    @property
    def cover_srcset(self) -> str:
        """The cover's picture in several widths, for browsers to choose; empty where there is one."""
        return srcset_of(self.cover)

    @property
    def is_rated(self) -> bool:
        """Whether anybody has rated the book, our booksellers or a reader."""
        return bool(self.rating)

    @property
    def is_rated_by_readers(self) -> bool:
        """Whether enough readers have rated the book for the stars to be called theirs."""
        return int(self.rating_count or 0) >= ENOUGH_READERS

    def get_absolute_url(self) -> str:
        """Return the path of the book's page."""
        return reverse("catalog:book", args=[self.id, self.slug])


class Category(Table):
    """A subject; all of them stand in one partition, so that one Query reads them."""

    class Meta(TableMeta):
        table_name = table_name("Categories")

    partition = UnicodeAttribute(hash_key=True, default="categories")
    slug = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    description = UnicodeAttribute(default="")
    position = NumberAttribute(default=0)  # in menus, lowest first
    # Books listed; recounted by Query, never added to. It hides Model.count, a scan that nobody needs.
    count = NumberAttribute(default=0)  # type: ignore[assignment]  # hides Model.count, see above
    version = NumberAttribute(default=1)  # goes up when people edit; older items have none, which is 1

    PARTITION = "categories"


class Contribution(Table):
    """One person's part in one book: an author page is a Query of these."""

    class Meta(TableMeta):
        table_name = table_name("Contributions")

    author_slug = UnicodeAttribute(attr_name="authorSlug", hash_key=True)
    book_key = UnicodeAttribute(attr_name="publishedOn#bookId", range_key=True)
    book_id = UnicodeAttribute(attr_name="bookId")
    name = UnicodeAttribute()  # as printed
    role = UnicodeAttribute(default="author")


class PublishedReviews(GlobalSecondaryIndex["Review"]):
    """A book's published reviews by date."""

    class Meta(TableMeta):
        index_name = "published"
        projection = AllProjection()

    published = UnicodeAttribute(hash_key=True)
    reviewed_key = UnicodeAttribute(attr_name="reviewedKey", range_key=True)


class ReviewsByStatus(GlobalSecondaryIndex["Review"]):
    """Reviews by state, for the people who read them before the public does."""

    class Meta(TableMeta):
        index_name = "byStatus"
        projection = AllProjection()

    status = UnicodeAttribute(hash_key=True)
    reviewed_key = UnicodeAttribute(attr_name="reviewedKey", range_key=True)


class ReviewsByCustomer(GlobalSecondaryIndex["Review"]):
    """What one customer has reviewed, for export and erasure."""

    class Meta(TableMeta):
        index_name = "byCustomer"
        projection = AllProjection()

    customer_id = UnicodeAttribute(attr_name="customerId", hash_key=True)
    reviewed_key = UnicodeAttribute(attr_name="reviewedKey", range_key=True)


class Review(Table):
    """One buyer's stars and words on one book."""

    class Meta(TableMeta):
        table_name = table_name("Reviews")
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    book_id = UnicodeAttribute(attr_name="bookId", hash_key=True)
    customer_id = UnicodeAttribute(attr_name="customerId", range_key=True)
    stars = NumberAttribute()  # 1 to 5
    title = UnicodeAttribute(default="")
    text = UnicodeAttribute(default="")
    order_id = UnicodeAttribute(attr_name="orderId")  # the purchase that allows the review
    status = UnicodeAttribute(default=PUBLISHED)
    published = UnicodeAttribute(null=True)  # the book's id while published, else absent
    reviewed_key = UnicodeAttribute(attr_name="reviewedKey")  # instant#customerId
    reviewed_at = InstantAttribute(attr_name="reviewedAt")
    version = NumberAttribute(default=1)

    published_reviews = PublishedReviews()
    by_status = ReviewsByStatus()
    by_customer = ReviewsByCustomer()


class StockEntry(Table):
    """One change of a book's stock: how many copies, why, and by whom.

    Put once, in the transaction of the change itself, and never changed or deleted: the entries
    of a book add up to its stock.
    """

    class Meta(TableMeta):
        table_name = table_name("StockLedger")

    book_id = UnicodeAttribute(attr_name="bookId", hash_key=True)
    entry = UnicodeAttribute(range_key=True)  # instant#random; OPENING_ENTRY for the opening
    delta = NumberAttribute()  # copies: above zero they came in, below it they went out
    kind = UnicodeAttribute()  # OPENING, RECEIVED, ADJUSTED, SOLD or RETURNED
    reason = UnicodeAttribute(default="")
    by = UnicodeAttribute()  # customer, shop, payment, or a member of staff
    order_id = UnicodeAttribute(attr_name="orderId", null=True)
    at = InstantAttribute()
    request_id = RequestIdAttribute()


# What an entry of the stock ledger is.
OPENING = "opening"  # what the book came with
RECEIVED = "received"
ADJUSTED = "adjusted"
SOLD = "sold"  # set aside for an order
RETURNED = "returned"  # back from an order that was given up, cancelled or sent back

# A book's opening sorts before every instant, and there is one at most.
OPENING_ENTRY = "#opening"


class Unique(Table):
    """A value that stands once: a book's ``isbn#9780141439518``, a form's ``stock#…`` that was acted on."""

    class Meta(TableMeta):
        table_name = table_name("Uniques")

    value = UnicodeAttribute(hash_key=True)
    book_id = UnicodeAttribute(attr_name="bookId")
