import pytest

from orders.carriers import CARRIERS, check_parcel
from orders.errors import BadStepError

NUMBERS = {
    "royal-mail": ("AB123456785GB", "0B0480284000ABCD", "AB12 3456 785G B"),
    "parcelforce": ("PB123456785GB", "AB1234567"),
    "dpd": ("1234567890", "15501234567890", "15501234567890H"),
    "evri": ("H00AB1234567890C",),
    "dhl": ("1234567890", "JD014600003RR123456"),
    "ups": ("1Z999AA10123456784", "1z 999 aa1 01 2345 6784"),
    "letter": ("",),
}


def test_every_carrier_takes_its_own_numbers_and_follows_them_over_https():
    assert set(NUMBERS) == set(CARRIERS)
    for code, numbers in NUMBERS.items():
        for typed in numbers:
            carrier, number = check_parcel(code, typed)
            url = CARRIERS[carrier].url(number)
            assert url.startswith("https://") is CARRIERS[carrier].tracks
            assert not number or number in url


@pytest.mark.parametrize(
    "number", ["１２３４５６７８９０", "123456789", "../../../../x", "javascript:1", "1" * 10_000]
)
def test_what_is_no_number_never_comes_into_a_link(number):
    for code in CARRIERS:
        with pytest.raises(BadStepError):
            check_parcel(code, number)


def test_what_means_something_in_an_address_is_quoted_in_the_link():
    assert CARRIERS["dpd"].url("1&x=/../") == "https://track.dpd.co.uk/search?reference=1%26x%3D%2F..%2F"
