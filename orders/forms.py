"""What a customer may send about an order. Prices, totals and books are never read from a form."""

from django import forms
from django.utils.translation import gettext_lazy as _

from bookstore.accounts.forms import AddressForm
from catalog.reviews import MOST_STARS, REVIEW_CHARACTERS, REVIEW_TITLE_CHARACTERS


class CheckoutForm(AddressForm):
    """Where the order goes. What is ordered stands in the signed offer beside it."""


class RatingForm(forms.Form):
    """What a buyer thinks of a book."""

    stars = forms.TypedChoiceField(
        label=_("Stars"),
        coerce=int,
        choices=[(number, str(number)) for number in range(1, MOST_STARS + 1)],
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Give one to five stars.")),
    )
    title = forms.CharField(label=_("Headline"), max_length=REVIEW_TITLE_CHARACTERS, required=False)
    text = forms.CharField(
        label=_("Your review"), max_length=REVIEW_CHARACTERS, required=False, widget=forms.Textarea
    )

    @property
    def sentence(self) -> str:
        """The first mistake."""
        return str(next(iter(self.errors.values()))[0])
