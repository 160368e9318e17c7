"""What happens to customers, for the rooms above, which know about carts and orders.

``accounts`` never learns who answers. A receiver that raises stops what was going on: a
sign-in or an erasure that only half happened must not look done.
"""

from django.dispatch import Signal

# Sent with `request` and `customer_id` when somebody has just signed in. The response is
# still to come: a receiver may add messages and cookies to be set by its own middleware.
customer_signed_in = Signal()

# Sent with `customer_id` when a customer asks to be forgotten, before anybody forgets anything.
# A receiver changes nothing; it raises `errors.ErasureRefusedError` when the law or an open
# order forbids it.
customer_erasure_asked = Signal()

# Sent with `customer_id` and `at` once nobody refused. Each receiver takes name, address and
# e-mail out of what it keeps and does nothing the second time.
customer_erased = Signal()

# Sent with `customer_id`. Each receiver returns a dictionary of what it keeps about the
# customer, by headings no other uses: {"orders": [...]}. Values are what Django's JSON
# encoder takes: text, numbers, Decimal, dates, lists and dictionaries.
collect_export = Signal()

# Sent with `customer_id` when staff look at a customer. Each receiver returns a
# `selectors.Section` of what it knows, read with one request.
collect_for_staff = Signal()
