"""The catalogue's pages for staff beside Django's own: what they show and which service they call.

``catalog.admin`` is the door: it gives each its address, and nothing else imports them.
"""
