import pytest

from bookstore.variables import Variables


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        ("text", "Ħello, 'world'=1", "Ħello, 'world'=1"),
        ("text", "", ""),
        ("flag", "1", True),
        ("flag", "TRUE", True),
        ("flag", "off", False),
        ("flag", "0", False),
        ("whole", "30", 30),
        ("whole", "-1", -1),
        ("number", "0.3", 0.3),
        ("number", "2", 2.0),
        ("pairs", "", {}),
        ("pairs", "host=mail.example, timeout = 9", {"host": "mail.example", "timeout": "9"}),
        ("pairs", "password=a=b", {"password": "a=b"}),
    ],
)
def test_a_variable_is_read_by_its_type(reader, value, read):
    env = Variables({"NAME": value})
    assert getattr(env, reader)("NAME") == read
    assert type(getattr(env, reader)("NAME")) is type(read)
    assert env.mistakes == {}


@pytest.mark.parametrize(
    ("reader", "value", "told"),
    [
        ("flag", "maybe", "Has to be 1 or 0."),
        ("flag", "", "Has to be 1 or 0."),
        ("whole", "1.5", "Has to be a whole number."),
        ("whole", "", "Has to be a whole number."),
        ("number", "fast", "Has to be a number."),
        ("number", "nan", "Has to be a number."),
        ("number", "inf", "Has to be a number."),
        ("pairs", "host", "Has to be name=value, comma separated."),
    ],
)
def test_a_value_of_another_type_is_a_mistake(reader, value, told):
    env = Variables({"NAME": value})
    getattr(env, reader)("NAME")
    assert env.mistakes == {"NAME": told}


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ({"one_of": ("", "aws")}, "azure", "aws"),
        ({"at_least": 5}, "four", "fives"),
        ({"shape": r"https?://[^/]+"}, "https://shop.example/", "https://shop.example"),
        ({"shape": r"https?://[^/]+"}, "https://shop.example\n/", "http://localhost:8000"),
    ],
)
def test_a_text_may_have_to_keep_a_rule(rule, wrong, right):
    env = Variables({"RIGHT": right, "WRONG": wrong})
    assert env.text("RIGHT", **rule) == right
    assert not env.mistakes
    env.text("WRONG", **rule)
    assert set(env.mistakes) == {"WRONG"}


def test_without_a_value_there_is_the_default():
    env = Variables({})
    assert env.text("TEXT", "") == ""
    assert env.flag("FLAG", False) is False
    assert env.whole("WHOLE", 0) == 0
    assert env.number("NUMBER", 1.5) == 1.5
    assert env.pairs("PAIRS", {}) == {}
    assert env.mistakes == {}


def test_reading_goes_on_after_a_mistake_until_all_are_known():
    env = Variables({"WRONG": "x"})
    assert (env.text("TEXT"), env.flag("FLAG"), env.whole("WRONG", 3)) == ("", False, 3)
    assert env.mistakes == {
        "TEXT": "Is not set.",
        "FLAG": "Is not set.",
        "WRONG": "Has to be a whole number.",
    }
