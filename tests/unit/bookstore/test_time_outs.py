"""Nothing outside of the shop is waited for without end."""

from typing import Any

from tests.unit.bookstore.reading_settings import COMPLETE, ROOT, read_settings

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def mail_options(**environment: str) -> dict[str, Any]:
    options: dict[str, Any] = read_settings(**COMPLETE | environment)["MAILERS"]["default"]["OPTIONS"]
    return options


def test_no_letter_waits_for_a_mail_server_for_ever():
    assert mail_options(MAIL_BACKEND=SMTP)["timeout"] == 5.0


def test_the_environment_has_the_last_word_on_the_wait_for_a_mail_server():
    assert mail_options(MAIL_BACKEND=SMTP, MAIL_OPTIONS="host=mail.example,timeout=9")["timeout"] == 9.0


def test_no_letter_waits_a_minute_for_ses():
    config = mail_options(MAIL_BACKEND="django_ses.SESBackend")["aws_config"]
    assert (config.connect_timeout + config.read_timeout) * config.retries["total_max_attempts"] <= 10


def test_no_page_waits_a_minute_for_the_bucket():
    settings = read_settings(ENV_FILE=str(ROOT / ".env.example"))
    config = settings["STORAGES"]["default"]["OPTIONS"]["client_config"]
    waits = config.connect_timeout + config.read_timeout
    assert waits * config.retries["total_max_attempts"] <= 6
