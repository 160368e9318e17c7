"""Inlines for lists that are embedded in a row: line items, addresses. They are saved with it, in one write."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from django import forms
from django.contrib import admin
from django.db import NotSupportedError, models
from django.forms.models import BaseInlineFormSet, BaseModelFormSet
from django.http import HttpRequest

from bookstore.dynamodb.admin.forms import changed_by_others, says
from bookstore.dynamodb.admin.querysets import DynamoQuerySet

if TYPE_CHECKING:
    _TabularInline = admin.TabularInline[Any, Any]
    _FormSet = BaseInlineFormSet[Any, Any, Any]
else:
    _TabularInline, _FormSet = admin.TabularInline, BaseInlineFormSet

POSITION = "position"


class _NoRows:
    """The source of rows that live in another row: by themselves they are nowhere."""

    paths: Sequence[Any] = ()

    def get_many(self, _keys: Sequence[str]) -> list[Any]:
        return []


class EmbeddedModel(models.Model):
    """Base of an embedded list's rows; declare their fields, and a ``ForeignKey`` to the façade they live in."""

    position = models.IntegerField(primary_key=True, editable=False)  # in the list, from 0

    objects = DynamoQuerySet.as_manager()
    source = _NoRows()

    class Meta:
        abstract = True
        managed = False
        base_manager_name = "objects"

    def save(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: an embedded list is stored with the row it stands in."""
        raise NotSupportedError(f"{self._meta.label} is stored with the row it stands in, not by itself.")

    delete = save


class EmbeddedFormSet(_FormSet):
    """The forms of an embedded list. ``attribute`` names the list in the façade's row.

    One that is ``settled`` shows what is stored, and has nothing to save.
    """

    attribute = ""
    settled = False

    def __init__(self, data: Any = None, files: Any = None, instance: Any = None, **kwargs: Any) -> None:
        self.instance = instance if instance is not None else self.fk.remote_field.model()
        self.save_as_new = bool(kwargs.pop("save_as_new", False))
        self.settled = kwargs.pop("settled", self.settled)
        kwargs.pop("queryset", None)
        embedded: Any = self.model
        fields = {field.attname for field in embedded._meta.concrete_fields}
        rows = []
        for position, values in enumerate(self.stored_list()):
            row = embedded(
                position=position, **{name: value for name, value in values.items() if name in fields}
            )
            row._state.adding = False
            rows.append(row)
        found: Any = embedded._default_manager.all()
        # Not BaseInlineFormSet's, which would ask the store for them.
        BaseModelFormSet.__init__(self, data, files, queryset=found.with_rows(rows), **kwargs)
        self.unique_fields: set[str] = set()

    def stored_list(self) -> list[dict[str, Any]]:
        """Return the list as it is stored."""
        return list(getattr(self.instance, self.attribute) or [])

    def wanted_list(self) -> list[dict[str, Any]]:
        """Return the list as the forms say; what they do not show of a row stays."""
        stored, wanted = self.stored_list(), []
        for form in self._forms_of_rows():
            said = {name: form.cleaned_data[name] for name in self._shown(form)}
            wanted.append({**(stored[form.instance.position] if form in self.initial_forms else {}), **said})
        return wanted

    def is_outdated(self) -> bool:
        """Tell whether the list is stored otherwise than its reader saw it."""
        positions = [form.instance.position for form in self.initial_forms]
        others = any(any(changed_by_others(form)) for form in self.initial_forms)
        return others or positions != list(range(len(self.stored_list())))

    def says(self, row: Any) -> bool:
        """Tell whether a row has the list that was sent: it was saved by the same form."""
        if self.settled:
            return True
        if not self.is_valid():
            return False
        stored, sent = getattr(row, self.attribute) or [], self._forms_of_rows()
        return len(stored) == len(sent) and all(
            says(form, {name: values.get(name) for name in self._shown(form)})
            for form, values in zip(sent, stored, strict=True)
        )

    def _forms_of_rows(self) -> list[Any]:
        """Return the forms of those rows that are to be in the list."""
        known, gone = self.initial_forms, self.deleted_forms
        return [form for form in self.forms if form not in gone and (form in known or form.has_changed())]

    def _shown(self, form: Any) -> list[str]:
        return [name for name in form.fields if name not in {POSITION, self.fk.name, "DELETE"}]

    def is_valid(self) -> bool:
        """Nothing stands in the way of a list that nobody changes."""
        return self.settled or super().is_valid()

    def has_changed(self) -> bool:
        """Tell whether anything was changed."""
        return not self.settled and super().has_changed()

    def add_fields(self, form: Any, index: int | None) -> None:
        """Carry what the reader saw, and each row's position; Django would look it up in the store."""
        for field in form.fields.values():
            field.show_hidden_initial = True
        super().add_fields(form, index)
        form.fields[POSITION] = forms.IntegerField(
            required=False,
            widget=forms.HiddenInput,
            initial=form.instance.pk,
            label="",
            show_hidden_initial=True,
        )


class EmbeddedInline(_TabularInline):
    """Shows and edits an embedded list. Who may change the row may change its list."""

    attribute = ""  # of the façade: a JSONField, or any field, with the list
    formset = EmbeddedFormSet
    extra = 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the forms, which know their list."""
        made: Any = super().get_formset(request, obj, **kwargs)
        made.attribute = self.attribute
        return made

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002, D102 - Django's
        return self._may(request, "view") or self._may(request, "change")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002, D102 - Django's
        return self._may(request, "change")

    has_change_permission = has_delete_permission = has_add_permission

    def _may(self, request: HttpRequest, action: str) -> bool:
        meta = self.parent_model._meta
        return bool(request.user.has_perm(f"{meta.app_label}.{action}_{meta.model_name}"))


class ShownFormSet(EmbeddedFormSet):
    """Shows what is stored, whatever is sent."""

    settled = True

    def __init__(self, data: Any = None, files: Any = None, instance: Any = None, **kwargs: Any) -> None:  # noqa: ARG002 - Django's signature
        super().__init__(None, None, instance, **kwargs)


class ShownInline(EmbeddedInline):
    """Shows ``fields`` of an embedded list that nobody edits: it tells what happened."""

    formset = ShownFormSet
    template = "admin/edit_inline/shown.html"
    extra = max_num = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        """Make form fields of none of them."""
        return self.fields or ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002, D102 - Django's
        return False

    has_change_permission = has_delete_permission = has_add_permission
