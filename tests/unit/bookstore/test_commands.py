import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize("command", ["load_sample", "load_sample_orders", "prepare_shop", "serve"])
def test_a_command_for_the_local_shop_refuses_another_in_one_sentence(settings, command):
    settings.OPENSEARCH_URL = "https://search.example.com"
    with pytest.raises(CommandError, match=r"OPENSEARCH_URL=https://search\.example\.com"):
        call_command(command)
