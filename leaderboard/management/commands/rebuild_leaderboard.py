"""Build the leaderboards from DynamoDB alone."""

from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from leaderboard import services
from leaderboard.ranking import SupersededError


class Command(BaseCommand):
    help = (
        "Build the leaderboards anew from DynamoDB alone, while the shop goes on selling; "
        "the old ones are shown until the new ones are complete."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            with tqdm(desc="orders and books", unit="", disable=None, leave=False) as bar:
                rebuilt = services.rebuild(progress=bar.update)
        except SupersededError as error:
            raise CommandError(f"Given up, and nothing changed: {error}.") from error
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise CommandError(
                f"Redis is out of reach, and the leaderboards stay as they were: {error}"
            ) from error
        self.stdout.write(f"Leaderboards rebuilt from {rebuilt.orders} orders and {rebuilt.books} books.")
        if rebuilt.left_out:
            raise CommandError(f"{rebuilt.left_out} of them could not be counted; the log names each.")
