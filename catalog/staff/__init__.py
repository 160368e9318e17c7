"""The catalogue's pages for staff beside Django's own: what they show and which service they call.

``catalog.admin`` is the door, which gives each its address. ``fields`` alone is of use elsewhere: to
whatever writes into a book's history.
"""
