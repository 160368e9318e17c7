"""Façades: Django models without a table, and the sources that their rows come from and go to."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import batched
from typing import Any, NoReturn, Self

from django.db import NotSupportedError, models, router
from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, RefusedError
from bookstore.dynamodb.admin.paths import Path, paths_of
from bookstore.dynamodb.admin.querysets import ROWS_A_READ, DynamoQuerySet, check_database
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes
from bookstore.dynamodb.tables import Beside, Table, nothing_beside, transaction

KEY_SEPARATOR = "~"  # between the two parts of a key; the first must not contain it
MOST_KEY_CHARACTERS = 500  # DynamoDB refuses keys of 2 KB as a mistake


class Source:
    """Where a façade's rows are read from a PynamoDB table, and where changes to them go.

    As it is, it writes the table itself, each change in one transaction: conditional on the
    version that the editor saw, with the claims of unique values and the log's entry. Override
    ``create``, ``update`` and ``delete`` to call the application's services, so that no rule
    lives in the admin alone; ``field_of`` for fields that are not attributes of the same name.
    """

    def __init__(
        self,
        item: type[Table],
        *,
        paths: Sequence[Path] | None = None,
        version: str = "",
        unique: Iterable[str] = (),
        claims: type[Table] | None = None,
        made_of: Mapping[str, str] | None = None,
    ) -> None:
        self.item = item
        self.paths = list(paths) if paths is not None else paths_of(item)
        self.version = version  # the attribute that goes up by one at every edit; empty for none
        self.made_of = dict(made_of or {})  # field → the attribute that ``field_of`` makes it of
        self.unique = tuple(unique)  # fields whose values only one row may have
        self.claims = claims  # the table that those values are claimed in; its hash key is the value
        if self.unique and claims is None:
            raise TypeError("unique fields need a table of claims")
        attributes = item.get_attributes()
        self.hash_key = next(name for name, each in attributes.items() if each.is_hash_key)
        self.range_key = next((name for name, each in attributes.items() if each.is_range_key), "")

    most_keys = ROWS_A_READ  # that a page may name in its address: they are one request
    model: type["FacadeModel"]

    def contribute_to_class(self, model: type["FacadeModel"], name: str) -> None:
        """Become a façade's source: Django calls it for each attribute of a model that has it."""
        self.model = model
        setattr(model, name, self)

    @property
    def name(self) -> str:
        """The façade's name, which cursors are good for."""
        return str(self.model._meta.label_lower)

    # --- Reading -----------------------------------------------------------------------------------------

    def get_many(self, keys: Sequence[str]) -> list[Any]:
        """Return the rows of these keys, in their order, without those that are not there.

        One key is a consistent GetItem; more are BatchGetItems of 100.
        """
        wanted = [key for key in dict.fromkeys(map(str, keys)) if self._is_key(key)]
        if len(wanted) == 1:
            try:
                return [self.row(_table(self.item).get(*self._parts(wanted[0]), consistent_read=True))]
            except self.item.DoesNotExist:
                return []
        found = {}
        for some in batched(wanted, ROWS_A_READ):
            parts = [self._parts(key) for key in some]
            for item in self.item.batch_get([tuple(each) if self.range_key else each[0] for each in parts]):
                row = self.row(item)
                found[row.pk] = row
        return [found[key] for key in wanted if key in found]

    def _is_key(self, key: str) -> bool:
        parts = self._parts(key)
        complete = len(parts) == (2 if self.range_key else 1) and all(parts)
        return complete and len(key) <= MOST_KEY_CHARACTERS

    def _parts(self, key: str) -> list[str]:
        return key.split(KEY_SEPARATOR, 1) if self.range_key else [key]

    def key_of(self, item: Any) -> str:
        """Return the primary key of an item's row: both parts of its key, joined."""
        names = (self.hash_key, self.range_key) if self.range_key else (self.hash_key,)
        return KEY_SEPARATOR.join(str(getattr(item, name)) for name in names)

    def row(self, item: Any, path: Path | None = None) -> Any:
        """Make the façade's row of an item; one found through an index knows what that projects.

        A field that is not there is read when somebody asks for it, with a GetItem.
        """
        names, values = [], []
        for field in self.model._meta.concrete_fields:
            if field.primary_key:
                value: Any = self.key_of(item)
            elif path is not None and not self.is_projected(field.attname, path):
                continue
            else:
                value = self.field_of(item, field)
            names.append(field.attname)
            values.append(value)
        return self.model.from_db(router.db_for_read(self.model), names, values)

    def is_projected(self, field: str, path: Path) -> bool:
        """Tell whether a row found on this path has a field's value."""
        if path.projected is None:
            return True
        name = self.made_of.get(field, field)
        attribute = self.item.get_attributes().get(name)
        if attribute is None:
            return False  # made of others, which need not all be there
        keys = {self.hash_key, self.range_key, path.hash_key, path.range_key}
        return attribute.attr_name in path.projected or name in keys

    def field_of(self, item: Any, field: Any) -> Any:
        """Return a field's value out of an item: the attribute of the same name, as the field writes it."""
        value = getattr(item, field.attname, None)
        if value is None:
            return None
        if isinstance(field, models.DecimalField):  # DynamoDB drops the zero of 3.20
            return Decimal(value).quantize(Decimal(1).scaleb(-field.decimal_places))
        if isinstance(value, list):
            return [
                dict(each.attribute_values) if hasattr(each, "attribute_values") else each for each in value
            ]
        return field.to_python(value)

    # --- Writing -----------------------------------------------------------------------------------------

    def create(self, row: Any, *, beside: Beside = nothing_beside) -> None:
        """Store a new row, if there is none of its key.

        Raises ``ChangedMeanwhileError`` where there is, ``RefusedError`` for a value that another row has.
        """
        values = {name: self.as_stored(name, getattr(row, name)) for name in self._attributes_of(row)}
        if self.version:
            values[self.version] = 1
        item = self.item(**{name: value for name, value in values.items() if value is not None})
        hash_key = getattr(self.item, self.hash_key)

        def write(open_transaction: TransactWrite) -> None:
            open_transaction.save(item, condition=hash_key.does_not_exist())

        self._commit(write, claimed={name: values.get(name) for name in self.unique}, beside=beside)
        row.pk = self.key_of(item)
        if self.version:
            setattr(row, self.version, 1)

    def update(
        self, row: Any, *, changed: Mapping[str, Any], version: int | None, beside: Beside = nothing_beside
    ) -> None:
        """Store what was changed of a row, and nothing else of it, if it still has that version.

        ``changed`` are the new values by field. Raises as ``create`` does.
        """
        released: dict[str, Any] = {}
        if unique := set(self.unique) & set(changed):
            before = next(iter(self.get_many([row.pk])), None)
            if before is None:
                raise ChangedMeanwhileError
            released = {name: getattr(before, name) for name in unique}
        stored = {name: self.as_stored(name, value) for name, value in changed.items()}
        actions = [
            getattr(self.item, name).remove() if value is None else getattr(self.item, name).set(value)
            for name, value in stored.items()
        ]
        if self.version:
            actions.append(getattr(self.item, self.version).set((version or 0) + 1))
        condition = self._as_seen(version, released)

        def write(open_transaction: TransactWrite) -> None:
            open_transaction.update(
                _table(self.item)(*self._parts(row.pk)), actions=actions, condition=condition
            )

        claimed = {name: stored[name] for name in released}
        self._commit(write, claimed=claimed, released=released, beside=beside)
        if self.version:
            setattr(row, self.version, (version or 0) + 1)

    def delete(self, row: Any, *, beside: Beside = nothing_beside) -> None:
        """Delete a row, if it is there; raises ``ChangedMeanwhileError`` where it is not, or has another version."""
        released = {name: getattr(row, name) for name in self.unique}
        condition = self._as_seen(row.version_seen(), released)

        def write(open_transaction: TransactWrite) -> None:
            open_transaction.delete(_table(self.item)(*self._parts(row.pk)), condition=condition)

        self._commit(write, released=released, beside=beside)

    def _as_seen(self, version: int | None, released: Mapping[str, Any]) -> Condition:
        """Return the condition that a row is there, has that version, and still holds what it is to let go."""
        condition: Condition = getattr(self.item, self.hash_key).exists()
        if self.version:
            condition &= getattr(self.item, self.version) == version
        for name, value in released.items():
            attribute = getattr(self.item, name)
            condition &= attribute.does_not_exist() if value is None else attribute == value
        return condition

    def as_stored(self, name: str, value: Any) -> Any:
        """Return a value as the item's attribute takes it: rows of an embedded list as its maps."""
        attribute: Any = self.item.get_attributes()[name]
        element = getattr(attribute, "element_type", None)
        if isinstance(value, list) and element is not None and hasattr(element, "get_attributes"):
            return [element(**{key: each for key, each in one.items() if each is not None}) for one in value]
        return value

    def _attributes_of(self, row: Any) -> list[str]:
        fields = [field.attname for field in row._meta.concrete_fields]
        return [name for name in self.item.get_attributes() if name in fields]

    def _commit(
        self,
        write: Callable[[TransactWrite], None],
        *,
        beside: Beside,
        claimed: Mapping[str, Any] | None = None,
        released: Mapping[str, Any] | None = None,
    ) -> None:
        new, old = (
            {name: self._claim(name, value) for name, value in (values or {}).items() if value is not None}
            for values in (claimed, released)
        )
        made = {name: claim for name, claim in new.items() if old.get(name) != claim}
        gone = [claim for name, claim in old.items() if new.get(name) != claim]

        def all_or_nothing() -> None:
            with transaction() as open_transaction:
                for claim in gone:
                    open_transaction.delete(self._claims(claim))
                for claim in made.values():
                    absent = getattr(self._claims, self._claim_key).does_not_exist()
                    open_transaction.save(self._claims(claim), condition=absent)
                write(open_transaction)
                beside(open_transaction)

        try:
            through_conflicts(all_or_nothing)
        except TransactWriteError as error:
            codes = cancellation_codes(error)
            if CONDITION_FAILED not in codes:
                raise
            claims = codes[len(gone) :]  # deletes come first, and then what is put: the claims before the row
            taken = [name for name, code in zip(made, claims, strict=False) if code == CONDITION_FAILED]
            # The row's condition failed too: it may have claimed them itself by now.
            if len(taken) < codes.count(CONDITION_FAILED):
                raise ChangedMeanwhileError from error
            raise RefusedError({name: _("Another row has this value already.") for name in taken}) from error

    @property
    def _claims(self) -> type[Table]:
        if self.claims is None:
            raise TypeError("unique fields need a table of claims")
        return self.claims

    @cached_property
    def _claim_key(self) -> str:
        return next(name for name, each in self._claims.get_attributes().items() if each.is_hash_key)

    def _claim(self, name: str, value: Any) -> str:
        return f"{self.name}.{name}#{value}"


class OutsideSource(Source):
    """Where rows come from something that is no table, such as another service.

    Such rows have no list, only what ``FacadeAdmin.search`` finds: it returns them whole, made
    by ``row`` out of anything whose attributes are called as the façade's fields. Override
    ``find`` for forms and actions, and ``create``, ``update`` or ``delete`` for what may be written.
    """

    most_keys = 1  # each may be a request of its own

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.version, self.unique, self.claims = "", (), None
        self.hash_key = self.range_key = ""

    def find(self, keys: Sequence[str]) -> Iterable[Any]:
        """Return what there is under these keys; raise ``AwayError`` when nobody answers."""
        raise NotImplementedError

    def get_many(self, keys: Sequence[str]) -> list[Any]:
        """Return the rows of these keys, in their order, without those that are not there."""
        wanted = list(dict.fromkeys(map(str, keys)))
        found = {row.pk: row for row in map(self.row, self.find(wanted))}
        return [found[key] for key in wanted if key in found]

    def key_of(self, item: Any) -> str:
        """Return the primary key of a row: the attribute that is called like it."""
        return str(getattr(item, self.model._meta.pk.attname))

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise NotSupportedError(f"{self.name} is kept elsewhere, and this source cannot write it.")

    create = update = delete = _refuse


def _table(item: type[Table]) -> Any:
    return item  # whose keys are one argument or two, which PynamoDB's types cannot say


class FacadeModel(models.Model):
    """Base of façades: what Django's admin sees of an item.

    Declare the fields that staff see and a ``source``; the primary key is the item's key, both
    parts of it joined by ``~`` where it has two.
    """

    objects = DynamoQuerySet.as_manager()
    source: Source

    class Meta:
        abstract = True
        managed = False
        base_manager_name = "objects"  # refresh_from_db() and foreign keys ask DynamoDB too

    def save(  # noqa: D102 - Django's
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        check_database(type(self), using)
        named = set(self.known_fields())
        if update_fields is not None:
            fields: Iterable[Any] = map(self._meta.get_field, update_fields)
            named = {field.attname for field in fields}
            if not named:
                return
        if force_insert or (self._state.adding and not force_update and update_fields is None):
            self.source.create(self)
        else:
            keys = {self._meta.pk.attname, self.source.hash_key, self.source.range_key, self.source.version}
            changed = {name: getattr(self, name) for name in self.known_fields() if name in named - keys}
            self.source.update(self, changed=changed, version=self.version_seen())
        self.stored()

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:  # noqa: ARG002, D102, FBT001, FBT002 - Django's
        check_database(type(self), using)
        self.source.delete(self)
        return 1, {self._meta.label: 1}

    @classmethod
    def value_said(cls, name: str, value: str) -> str:
        """Return what the log keeps of a field's value as a history says it: the label of a choice.

        Override it where others are kept as no reader knows them; never called of an empty one.
        """
        for field in cls._meta.fields:
            if field.name == name:
                return str({str(key): label for key, label in field.flatchoices}.get(value, value))
        return value

    def known_fields(self) -> list[str]:
        """Return the fields that were read, or set; those of an index's row are not all there are."""
        missing = self.get_deferred_fields()
        return [each.attname for each in self._meta.concrete_fields if each.attname not in missing]

    def version_seen(self) -> int | None:
        """Return the version that this row was read at; None where the source has none."""
        return int(getattr(self, self.source.version)) if self.source.version else None

    def stamp(self) -> int:
        """Return what tells the row from itself once it was changed: its version, or else a number of its values."""
        if (version := self.version_seen()) is not None:
            return version
        return zlib.crc32(repr([getattr(self, name) for name in self.known_fields()]).encode())

    def stored(self) -> Self:
        """Say that the row is in DynamoDB now."""
        self._state.adding, self._state.db = False, router.db_for_write(type(self))
        return self


__all__ = ["FacadeModel", "OutsideSource", "Source"]
