"""Nothing outside of the shop is waited for without end."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

MAIL = "from bookstore.settings import MAILERS; print(MAILERS['default']['OPTIONS'].get('timeout'))"
STORAGE = (
    "from bookstore.settings import STORAGES; config = STORAGES['default']['OPTIONS']['client_config'];"
    "print(config.connect_timeout, config.read_timeout, config.retries['total_max_attempts'])"
)


def told(code: str, environment: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": str(environment)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_no_letter_waits_for_a_mail_server_for_ever():
    assert told(MAIL, ROOT / ".env.example") == "5.0"


def test_the_environment_has_the_last_word_on_the_wait_for_a_mail_server(tmp_path):
    chosen = tmp_path / "env"
    example = (ROOT / ".env.example").read_text()
    chosen.write_text(f"{example}\nMAIL_OPTIONS=host=mail.example,timeout=9\n")
    assert told(MAIL, chosen) == "9.0"


def test_no_page_waits_a_minute_for_the_bucket():
    connect, read, attempts = map(float, told(STORAGE, ROOT / ".env.example").split())
    assert (connect + read) * attempts <= 6
