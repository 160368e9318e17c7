"""Nothing outside of the shop is waited for without end."""

from pathlib import Path

from tests.unit.bookstore.reading_settings import ROOT, read_settings


def mail_timeout(environment: Path) -> object:
    return read_settings(ENV_FILE=str(environment))["MAILERS"]["default"]["OPTIONS"].get("timeout")


def test_no_letter_waits_for_a_mail_server_for_ever():
    assert mail_timeout(ROOT / ".env.example") == 5.0


def test_the_environment_has_the_last_word_on_the_wait_for_a_mail_server(tmp_path):
    chosen = tmp_path / "env"
    example = (ROOT / ".env.example").read_text()
    chosen.write_text(f"{example}\nMAIL_OPTIONS=host=mail.example,timeout=9\n")
    assert mail_timeout(chosen) == 9.0


def test_no_page_waits_a_minute_for_the_bucket():
    settings = read_settings(ENV_FILE=str(ROOT / ".env.example"))
    config = settings["STORAGES"]["default"]["OPTIONS"]["client_config"]
    waits = config.connect_timeout + config.read_timeout
    assert waits * config.retries["total_max_attempts"] <= 6
