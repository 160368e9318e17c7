"""Build the sitemap."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog import sitemap


class Command(BaseCommand):
    help = "Write the sitemap of all public pages into the bucket, in parts when it is large."

    def handle(self, *args: Any, **options: Any) -> None:
        built = sitemap.build()
        self.stdout.write(
            f"{built.addresses} addresses in {built.files} file{'s' if built.files != 1 else ''}."
        )
