"""The form of a façade: it knows what its reader saw, and tells of what somebody else did meanwhile."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.models import model_to_dict
from django.utils.html import format_html_join
from django.utils.translation import gettext as _

from bookstore.dynamodb.admin.audit import written

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm

SEEN = "_seen"  # the hidden field with the version that the reader saw
NEW_KEY = "_key"  # the hidden field with a new row's key: the same form sent twice is one row
_HIDDEN = (SEEN, NEW_KEY)


class FacadeForm(_ModelForm):
    """A ModelForm that never overwrites another's change.

    Each field carries the value that the reader saw (``show_hidden_initial``), so that
    ``changed_data`` is what this person changed. Where the row has another version by now, the
    form is not saved: fields that only the other changed take the stored value, those that both
    changed show it, and saving again is an informed decision. A form that is sent twice finds its
    own changes stored: nothing is left to do.
    """

    refused: Mapping[str, str] = {}  # what the application said no to, the time before

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version, key = self._version_stored(), self.instance._meta.pk
        if self.instance._state.adding and key.has_default() and not key.editable:
            self.fields[NEW_KEY] = forms.CharField(
                widget=forms.HiddenInput, initial=self.instance.pk, required=False, max_length=200, label=""
            )
        if version is not None:
            self.fields[SEEN] = forms.IntegerField(
                widget=forms.HiddenInput, initial=version, min_value=0, required=False, label=""
            )

    @property
    def changed_data(self) -> list[str]:
        """What this person changed, the hidden fields aside."""
        return [name for name in super().changed_data if name not in _HIDDEN]

    @property
    def seen(self) -> Any:
        """The hidden field with that version, for the template; on a form for a new row, with its key."""
        return next((self[name] for name in _HIDDEN if name in self.fields), "")

    @property
    def values_seen(self) -> str:
        """The hidden fields with the values alone, for a question about the row."""
        carried = [field for field in self if field.field.show_hidden_initial]
        return format_html_join("", "{}", ((field.as_hidden(only_initial=True),) for field in carried))

    @property
    def version_seen(self) -> int | None:
        """The version that the change is based on; a list's rows, which show none, take the stored one."""
        seen: int | None = self.cleaned_data.get(SEEN)
        return self._version_stored() if seen is None else seen

    def clean(self) -> dict[str, Any]:
        """Compare what the reader saw with what is stored; repeat what the application refused."""
        cleaned = super().clean() or self.cleaned_data
        if key := self.cleaned_data.get(NEW_KEY):
            self.instance.pk = key
        stored = self._version_stored()
        # A list's rows, which have a prefix, carry no version; a form that carries none was not ours.
        unknown = stored is not None and self.prefix is None and self.cleaned_data.get(SEEN) is None
        if not self.instance._state.adding and (
            unknown or self.version_seen != stored or any(changed_by_others(self))
        ):
            others, disputed = self._take_what_is_stored()
            if self.changed_data or unknown:
                self._tell_of_changes(others, disputed)
        for name, problem in self.refused.items():
            self.add_error(name if name in self.fields else NON_FIELD_ERRORS, problem)
        return cleaned

    def validate_unique(self) -> None:
        """Leave it to the write, which knows who was first: it may have been this very form."""

    def says(self, row: Any) -> bool:
        """Tell whether a row is what was sent for a new one: it was made by the same form."""
        stored = model_to_dict(row, [name for name in self.fields if name != row._meta.pk.name])
        return says(self, stored)

    def _version_stored(self) -> int | None:
        row = self.instance
        return None if row._state.adding else row.version_seen()

    def _take_what_is_stored(self) -> tuple[list[str], dict[str, Any]]:
        """Rest the form on the row as it is; return what others changed, and of that what this person did too."""
        others, disputed = [], {}
        data: Any = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
        for name, stored in changed_by_others(self):
            others.append(name)
            field = self.fields[name]
            if name in self.changed_data and _differs(field, stored, self[name].data):
                disputed[name] = stored
            else:
                data[self.add_prefix(name)] = _as_sent(field, stored)
                self.cleaned_data.pop(name, None)  # the row keeps what it has
            data[self[name].html_initial_name] = _as_sent(field, stored)
        if SEEN in self.fields:
            data[self.add_prefix(SEEN)] = str(self._version_stored())
            self.cleaned_data[SEEN] = self._version_stored()
        self.data = data
        return others, disputed

    def _tell_of_changes(self, others: list[str], disputed: Mapping[str, Any]) -> None:
        for name, stored in disputed.items():
            self.add_error(
                name, _("Someone else changed this meanwhile to “%(value)s”.") % {"value": written(stored)}
            )
        sentence = _("Someone else saved this meanwhile, and nothing of yours was stored yet.")
        sentence += they_changed(self, others)
        self.add_error(
            NON_FIELD_ERRORS,
            f"{sentence} {_('The form shows it; save again if you still want your changes.')}",
        )


def changed_by_others(form: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields that no longer hold what the reader saw, with what they hold."""
    for name, field in form.fields.items():
        key = form[name].html_initial_name
        if not field.show_hidden_initial or not any(sent.startswith(key) for sent in form.data):
            continue
        stored = form.initial.get(name, field.initial)
        hidden: Any = field.hidden_widget()
        if _differs(field, stored, hidden.value_from_datadict(form.data, form.files, key)):
            yield name, stored


def they_changed(form: Any, names: Iterable[str]) -> str:
    """Return a sentence more that names the fields, if there are any."""
    told = ", ".join(str(form[name].label) for name in names)
    return " " + _("They changed: %(fields)s.") % {"fields": told} if told else ""


def says(form: Any, stored: Mapping[str, Any]) -> bool:
    """Tell whether what is stored is what a form was sent with."""
    return not any(_differs(form.fields[name], value, form[name].data) for name, value in stored.items())


def _differs(field: forms.Field, stored: Any, sent: Any) -> bool:
    """Tell whether a browser sent something else than what is stored, whatever it and the services make of blanks.

    It ends lines with CR LF, and they write one space for two.
    """
    return field.has_changed(_tidy(stored), _tidy(sent))


def _tidy(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "\n".join(" ".join(line.split()) for line in value.splitlines())


def _as_sent(field: forms.Field, value: Any) -> Any:
    """Return a value as a browser would send it."""
    prepared = field.prepare_value(value)
    return "" if prepared is None else str(prepared) if not isinstance(prepared, list) else prepared
