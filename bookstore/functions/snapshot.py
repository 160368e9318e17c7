"""What holds in one process and not in the many that SnapStart restores from one snapshot.

A snapshot is taken when a version is published and may be restored weeks later. No store is
asked anything before, so no connection is in it; what remains is chance, which all copies would
share, and the secrets, which may have been rotated since.
"""

import importlib
import logging
import os
import random

from django.conf import settings
from django.template.loader import get_template

from bookstore import secrets
from bookstore.logs import forget_secrets

log = logging.getLogger(__name__)

# What signing in, searching and drawing a cover need, and no other page.
LEFT_FOR_LATER = ("bookstore.accounts.oidc", "opensearchpy", "catalog.covers")
# The pages that visitors see; staff's come with Django's admin, which nobody has asked for yet.
PAGES = ("*.html", "accounts/*.html", "cart/*.html", "catalog/*.html", "leaderboard/*.html", "orders/*.html")


def prepare() -> None:
    """Have ``restored`` called in every copy, where the runtime has snapshots."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    # Where there is no snapshot all this is left for later; here it costs nobody's time.
    for name in LEFT_FOR_LATER:
        importlib.import_module(name)
    for name in storefront():
        get_template(name)
    # Part of AWS's runtime, and of nothing else.
    hooks = importlib.import_module("snapshot_restore_py")
    hooks.register_after_restore(restored)


def storefront() -> list[str]:
    """Return the names of the storefront's templates; what they include comes with them at the first page."""
    folder = settings.BASE_DIR / "templates"
    return sorted(file.relative_to(folder).as_posix() for page in PAGES for file in folder.glob(page))


def restored() -> None:
    """Draw other random numbers than the other copies, and take on secrets that were rotated."""
    random.seed()
    if changed := secrets.load_secrets():
        log.info("secrets that are new since the snapshot: %s", ", ".join(sorted(changed)))
        _read_settings_again()


def _read_settings_again() -> None:
    module = importlib.reload(importlib.import_module(settings.SETTINGS_MODULE))
    for name in dir(module):
        if name.isupper() and getattr(settings, name, None) != getattr(module, name):
            setattr(settings, name, getattr(module, name))
    forget_secrets()
