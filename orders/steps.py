"""How an order is written: each step on the order as it was read, once, and with who, when and why.

A write holds the order to the version that was read. Whoever comes second finds it refused,
reads again, and does what is left to do, which may be nothing. A clerk may say which version
stood on the screen: what somebody else did since is told, and not written over.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial, wraps
from typing import Any, Concatenate, NotRequired, TypedDict

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from bookstore.actors import BY_PAYMENT, who
from bookstore.dynamodb.conflicts import is_conflict, through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from catalog import stock
from orders.errors import BadStepError, OrderBusyError, OrderChangedError, SentBeforeError, TooLateError
from orders.models import Order, OrderLine, StatusChange, UnpaidOrder
from orders.queues import queue_key, queue_of
from orders.selectors import get_order
from orders.states import ERASED, LABELS, REASONS, SENT_ELSEWHERE, Status, may_become

ROUNDS = 5  # how often a step is planned anew when the order changed under it
REASON_CHARACTERS = 500


class Instruction(TypedDict):
    """What the steps of staff are told: which order, by whom and when; see ``orders.fulfilment``."""

    customer_id: str
    order_id: str
    by: str
    at: datetime
    as_read: NotRequired[Order | None]
    beside: NotRequired[Beside]


class OvertakenError(Exception):
    """The order is not as it was read, and nothing was written: plan the step anew, or leave it."""


class Rewrite:
    """A change of some attributes of an order: the write of it, and the same on the order in hand.

    ``values`` are by their names in Python; ``None`` takes an attribute away.
    """

    def __init__(self, order: Order, **values: Any) -> None:
        self.order = order
        self.values = values

    @property
    def actions(self) -> list[Action]:
        """What the write does."""
        return [
            getattr(Order, name).remove() if value is None else getattr(Order, name).set(value)
            for name, value in self.values.items()
        ] + list(Order.rewritten())

    def write(self, write: TransactWrite) -> None:
        """Add the change to a transaction; it fails when the order is not as it was read."""
        write.update(
            Order(self.order.customer_id, self.order.order_id),
            actions=self.actions,
            condition=Order.version == int(self.order.version),
        )

    def apply(self) -> None:
        """Change the order in hand too, which saves reading it again."""
        for name, value in self.values.items():
            setattr(self.order, name, value)
        self.order.version = int(self.order.version) + 1


class Step(Rewrite):
    """One step in an order's life: another state, or one of the same that is worth telling."""

    def __init__(
        self,
        order: Order,
        to: Status,
        *,
        by: str,
        reason: str,
        at: datetime,
        owing: bool = False,
        restock: bool | None = None,
        **values: Any,
    ) -> None:
        if to is not order.state and not may_become(order.state, to):
            msg = f"an order that is {order.state} cannot become {to}"
            raise ValueError(msg)
        step = StatusChange(  # type: ignore[no-untyped-call]  # PynamoDB's
            status=str(to), at=at, by=by, reason=reason, version=next_version(order), restock=restock
        )
        pending = [each for each in values.get("refunds", order.refunds) if not each.is_done]
        queue = queue_of(to, owing=owing, refunding=bool(pending))
        super().__init__(
            order,
            status=str(to),
            history=[*order.history, step],
            queue_name=queue and queue_key(queue, order.order_id),
            **values,
        )


def next_version(order: Order) -> int:
    """Return the version that an order has after its next write."""
    return int(order.version) + 1


def in_turn[**P](act: Callable[Concatenate[Order, P], Order]) -> Callable[Concatenate[Order, P], Order]:
    """Have a function do what is left to do with an order, and read it anew as long as it changes meanwhile.

    Raises ``OrderBusyError`` when no turn came.
    """

    @wraps(act)
    def act_in_turn(order: Order, /, *args: P.args, **kwargs: P.kwargs) -> Order:
        for _round in range(ROUNDS):
            try:
                return act(order, *args, **kwargs)
            except OvertakenError:
                order = get_order(order.customer_id, order.order_id)
        raise OrderBusyError(busy_sentence())

    return act_in_turn


def take_step(
    step: Rewrite,
    *,
    deletes: Iterable[Beside] = (),
    restocks: Iterable[Beside] = (),
    beside: Beside = nothing_beside,
) -> None:
    """Take a step with all that belongs to it, in one transaction.

    Each of ``deletes`` adds a delete, each of ``restocks`` an update. What is refused among them is left
    out: copies of a book that the catalogue no longer knows go nowhere. ``beside`` adds what else belongs
    into it, such as the admin's log. Raises ``OvertakenError`` unless the order is as it was read, and
    ``OrderBusyError``.
    """
    deletes, restocks = list(deletes), list(restocks)

    def write_all() -> None:
        with transaction() as write:
            for add in (*deletes, beside, step.write, *restocks):
                add(write)

    for _round in range(ROUNDS):
        try:
            through_conflicts(write_all)
        except TransactWriteError as error:
            codes = _refusals(error)
            # A transaction's deletes come first, its updates last, in the order in which they were added.
            of_order, *of_books = codes[len(codes) - 1 - len(restocks) :]
            if of_order == CONDITION_FAILED:
                raise OvertakenError from error
            deletes = _passed(deletes, codes)
            restocks = _passed(restocks, of_books)
        else:
            step.apply()
            return
    raise OrderBusyError(busy_sentence())


def _refusals(error: TransactWriteError) -> list[str | None]:
    """Return why each action of a transaction was refused, some because its condition failed.

    Raises ``OrderBusyError`` when it went on meeting others, and any other error as it came.
    """
    if is_conflict(error):
        raise OrderBusyError(busy_sentence()) from error
    codes = cancellation_codes(error)
    if CONDITION_FAILED not in codes:
        raise error
    return codes


def _passed(writes: list[Beside], codes: list[str | None]) -> list[Beside]:
    return [add for add, code in zip(writes, codes, strict=False) if code != CONDITION_FAILED]


def marker_of(order: Order) -> Beside:
    """Return the delete by which an order no longer keeps others from awaiting payment.

    It fails when the marker is another order's: this one was written before there were markers.
    """
    mine = (UnpaidOrder.order_id == order.order_id) | UnpaidOrder.order_id.does_not_exist()
    return lambda write: write.delete(UnpaidOrder(order.customer_id), condition=mine)


def restocking(
    order: Order, copies: Mapping[str, int], *, by: str, reason: str, at: datetime
) -> Iterator[Beside]:
    """Yield the updates that put copies, by book, back into stock, each with what the stock ledger says of it."""
    for book_id, number in copies.items():
        yield partial(
            stock.return_copies,
            book_id=book_id,
            copies=number,
            order_id=order.order_id,
            by=by,
            # What a clerk typed may name the customer, whom the ledger would never forget.
            reason=reason if reason in REASONS else "",
            at=at,
        )


def credited(order: Order, copies: Mapping[str, int], *, as_: str) -> list[OrderLine]:
    """Return an order's lines with some more copies cancelled, returned or refunded, as far as they are kept.

    A line of which no copy is kept any more says so by its status, which ``as_`` names.
    """
    lines = []
    for line in order.lines:
        fewer = min(copies.get(line.book_id, 0), line.kept)
        said = dict(line.attribute_values)
        if fewer:
            said["credited"] = int(line.credited) + fewer
            said["status"] = as_ if fewer == line.kept else line.status
        lines.append(OrderLine(**said))  # type: ignore[no-untyped-call]  # PynamoDB's
    return lines


def kept_copies(order: Order) -> dict[str, int]:
    """Return how many copies of each book are sold still."""
    return {line.book_id: line.kept for line in order.lines if line.kept}


def free_copies(order: Order) -> Counter[str]:
    """Return how many copies of each book are sold still, and no pending refund is for."""
    return Counter(kept_copies(order)) - order.spoken_for


# What a clerk saw, and what others did since.


# What was done in a step that is told beside the state, and leaves it as it was.
_BESIDE: Mapping[str, Promise] = {
    SENT_ELSEWHERE: gettext_lazy("given another address"),
    ERASED: gettext_lazy("stripped of its name and address"),
}


@dataclass(frozen=True)
class Act:
    """Something that was done with an order."""

    version: int  # the order's, from then on
    by: str
    done: str  # in words, such as “packed”
    at: datetime
    of_parcel: bool = False  # whether the parcel goes elsewhere since, or holds fewer copies


def acts_of(order: Order) -> list[Act]:
    """Return what was done with an order, oldest first; what older versions of the shop wrote is left out."""
    acts = [_act_of(each) for each in order.history if each.version]
    acts += [
        Act(
            int(each.version),
            each.by,
            _("returned in part") if each.returned else _("refunded in part"),
            each.at,
            of_parcel=bool(each.copies),
        )
        for each in order.refunds
        if each.version and each.refund_id != order.order_id  # which the step “refunded” tells
    ]
    acts += [
        Act(int(each.version), each.by, _("given a note"), each.at) for each in order.notes if each.version
    ]
    return sorted(acts, key=lambda act: act.version)


def _act_of(step: StatusChange) -> Act:
    done = _BESIDE.get(step.reason, LABELS[Status(step.status)])
    return Act(
        int(step.version or 0), step.by, str(done).lower(), step.at, of_parcel=step.reason == SENT_ELSEWHERE
    )


def check_seen(order: Order, seen: int | None, *, by: str) -> None:
    """Raise ``OrderChangedError`` when somebody else did something after the version that a clerk saw.

    The clerk's own acts are no surprise, nor is the money that went back because of them, and neither are
    writes that nobody did, such as a mail's claim.
    """
    if seen is None:
        return
    since = [act for act in acts_of(order) if act.version > seen]
    own = min((act.version for act in since if act.by == by), default=None)
    followed = (act for act in since if own is not None and act.by == BY_PAYMENT and act.version > own)
    expected = {act.version for act in followed}
    if others := [act for act in since if act.by != by and act.version not in expected]:
        # What the provider did follows from what somebody did, who is the one to name.
        people = [act for act in others if act.by != BY_PAYMENT]
        raise changed_by((people or others)[-1])


def check_parcel_seen(order: Order, seen: int | None) -> None:
    """Raise ``OrderChangedError`` when the parcel is another one than a clerk saw, whoever changed it.

    What is printed does not follow when its own printer changes an order.
    """
    since = [act for act in acts_of(order) if seen is not None and act.version > seen and act.of_parcel]
    if since:
        raise changed_by(since[-1])


def changed_by(act: Act) -> OrderChangedError:
    """Return the error that tells what was done already, and that this is all that was."""
    at = date_format(localtime(act.at), "j F Y, H:i")
    return OrderChangedError(
        _("This order was %(done)s by %(who)s on %(at)s. Nothing else was done with it.")
        % {"done": act.done, "who": who(act.by), "at": at}
    )


def too_late(order: Order) -> TooLateError:
    """Return the error that tells a clerk that a step does not follow."""
    return TooLateError(
        _("This cannot be done with an order that is %(state)s.") % {"state": order.label.lower()}
    )


def sent_before() -> SentBeforeError:
    """Return the error that tells a clerk that a form which was sent again, with other words, did nothing."""
    return SentBeforeError(_("This form was sent before, and said something else. Open it again."))


def check_same_step(
    order: Order, taken: Status, *, by: str, reason: str, restock: bool | None = None
) -> None:
    """Raise ``OrderChangedError`` where a clerk who took a step says something else of it this time.

    That is another reason, or something else about the stock, as far as the step has kept it.
    """
    for step in order.history:
        if (step.status, step.by) != (taken, by):
            continue
        if (reason and step.reason != reason) or (step.restock is not None and step.restock != restock):
            raise changed_by(_act_of(step))


def check_reason(order: Order, reason: str, *, needed: bool = True) -> str:
    """Return what an order keeps of a reason, without what surrounds it.

    A clerk who types just what stands for one of the shop's own reasons gets a full stop: it stays a clerk's
    word. Of a forgotten customer's order there is nothing to keep, and nothing to ask for: it might name them.
    Raises ``BadStepError`` when it is missing or too long.
    """
    if order.is_forgotten:
        return ""
    typed = check_text(
        reason, most=REASON_CHARACTERS, field="reason", missing=_("Say why.") if needed else ""
    )
    return f"{typed}." if typed in REASONS else typed


def check_text(text: str, *, most: int, field: str, missing: str = "") -> str:
    """Return what a clerk typed, without characters that nobody sees.

    Raises ``BadStepError`` when it is longer than ``most`` characters, and when nothing is left where
    ``missing`` says that something has to be.
    """
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    seen = "".join(
        each for each in composed if each in "\n\t" or unicodedata.category(each)[0] != "C"
    ).strip()
    if missing and not seen:
        raise BadStepError(missing, field=field)
    if len(seen) > most:
        raise BadStepError(_("This has more than %(most)d characters.") % {"most": most}, field=field)
    return seen


def check_copies(order: Order, wanted: Mapping[str, int]) -> None:
    """Raise ``BadStepError`` unless so many copies of each book are sold still, and no pending refund is for them."""
    left = free_copies(order)
    if not wanted:
        raise BadStepError(_("Say which copies."), field="lines")
    for book_id, copies in wanted.items():
        if isinstance(copies, bool) or not isinstance(copies, int) or not 1 <= copies <= left[book_id]:
            raise BadStepError(_("This order does not hold so many copies of that book."), field="lines")


def busy_sentence() -> str:
    """Return what is said when no turn came."""
    return _("Others are changing this order right now. Please try again in a moment.")
