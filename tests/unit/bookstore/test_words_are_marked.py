"""Whatever people read in a template is marked for translation."""

import re

import pytest
from django.conf import settings

TEMPLATES = sorted(settings.BASE_DIR.glob("templates/**/*.html"))
UNREAD = r"{%\s*(comment|blocktranslate)\b.*?end\1\s*%}|{#.*?#}|{%.*?%}|{{.*?}}|<(script|style)\b.*?</\2>|<!--.*?-->"
SAID = (
    r">([^<]*[A-Za-z]{2,}[^<]*)<",
    r'\b(?:alt|title|placeholder|aria-label)="([^"]*[A-Za-z]{2,}[^"]*)"',
)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_every_word_of_a_template_is_marked_for_translation(template):
    text = re.sub(UNREAD, "", template.read_text(), flags=re.DOTALL)
    assert [found[1].strip() for said in SAID for found in re.finditer(said, text)] == []
