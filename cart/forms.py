"""What a shopper may send to the cart. Everything else in a request is ignored."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from cart.services import quantity_sentence

LONGEST_ID = 100  # characters; DynamoDB refuses keys over 2,048 bytes
_WHOLE_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)  # Python's int() also reads Arabic digits and underscores


class QuantityField(forms.CharField):
    """A whole number of copies in plain digits; whether it is allowed, the service decides."""

    def clean(self, value: object) -> int:
        """Return the number; raise ``ValidationError`` for anything that is not one."""
        text = value.strip() if isinstance(value, str) else ""
        if not _WHOLE_NUMBER.fullmatch(text):
            raise forms.ValidationError(quantity_sentence())
        return int(text)


class SentenceForm(forms.Form):
    """A form whose mistakes are told in one sentence, on the page that follows."""

    @property
    def sentence(self) -> str:
        """The first mistake."""
        return str(next(iter(self.errors.values()))[0])


class AddForm(SentenceForm):
    """A book and how many copies. The price beside them is only compared, so nothing about it is wrong."""

    bookId = forms.CharField(  # noqa: N815 - the name that forms and addresses of this shop use
        max_length=LONGEST_ID,
        error_messages=dict.fromkeys(
            ("required", "max_length", "null_characters_not_allowed"), _("We do not have this book.")
        ),
    )
    quantity = QuantityField()


class LineForm(SentenceForm):
    """How many copies a line should hold; 0 takes it out."""

    quantity = QuantityField()
