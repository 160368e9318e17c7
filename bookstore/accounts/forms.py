"""The forms of the account."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bookstore.accounts.selectors import ADDRESS_CHARACTERS, PostalAddress
from bookstore.countries import countries


class AddressForm(forms.Form):
    """Where an order goes; ``address`` is the answer once the form is valid."""

    name = forms.CharField(label=_("Full name"), max_length=ADDRESS_CHARACTERS["name"])
    line1 = forms.CharField(label=_("Address"), max_length=ADDRESS_CHARACTERS["line1"])
    line2 = forms.CharField(
        label=_("Address, second line"), max_length=ADDRESS_CHARACTERS["line2"], required=False
    )
    city = forms.CharField(label=_("Town or city"), max_length=ADDRESS_CHARACTERS["city"])
    region = forms.CharField(
        label=_("County or region"), max_length=ADDRESS_CHARACTERS["region"], required=False
    )
    postcode = forms.CharField(label=_("Postcode"), max_length=ADDRESS_CHARACTERS["postcode"])
    country = forms.ChoiceField(label=_("Country"), choices=countries, initial=lambda: settings.HOME_COUNTRY)
    phone = forms.CharField(label=_("Telephone"), max_length=ADDRESS_CHARACTERS["phone"], required=False)

    AUTOCOMPLETE = {
        "name": "name",
        "line1": "address-line1",
        "line2": "address-line2",
        "city": "address-level2",
        "region": "address-level1",
        "postcode": "postal-code",
        "country": "country",
        "phone": "tel",
    }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        for name, field in self.fields.items():
            field.widget.attrs["autocomplete"] = self.AUTOCOMPLETE[name]
            field.widget.attrs["class"] = "form-select" if name == "country" else "form-control"

    @property
    def address(self) -> PostalAddress:
        """The address, tidied; only once the form is valid."""
        return PostalAddress.of(self.cleaned_data)


class ErasureForm(forms.Form):
    """Asks once more before an account goes."""

    sure = forms.BooleanField(
        label=_("I understand that this cannot be undone."),
        error_messages={"required": _("Please tick the box if you want your account erased.")},
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
