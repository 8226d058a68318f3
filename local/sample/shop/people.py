"""Who buys: names, addresses, and the many ways in which people write an email or a phone number."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.sample.shop.rows import Customer

_FIRST = (
    "Asha",
    "Björn",
    "Chloé",
    "Dmitri",
    "Esther",
    "Farid",
    "Grace",
    "Hiro",
    "Inês",
    "Jonas",
    "Kavya",
    "Lena",
)
_LAST = (
    "Rao",
    "Østby",
    "O'Brien",
    "Nguyễn",
    "van der Berg",
    "Li",
    "Iyer",
    "Smith",
    "Müller",
    "Dubois",
    "Khan",
    "Costa",
)
_STREETS = ("Station Road", "High Street", "Mill Lane", "Park Avenue", "MG Road", "Lindenweg", "Rue du Port")
_NONSENSE_EMAILS = (
    "not-an-email",
    "n/a",
    "@example.com",
    "someone@localhost",
    "a b@example.com",
    "x@@example.com",
)
_NONSENSE_PHONES = ("12345", "n/a", "+99 000 000", "0000000000", "555-CALL-NOW", "")


@dataclass(frozen=True)
class _Country:
    code: str
    currency: str
    places: tuple[tuple[str, str, str], ...]
    """City, state, beginning of the postal code."""
    zip_digits: int
    phones: tuple[str, ...]
    """Forms of a number. A # is a digit."""


_COUNTRIES = (
    _Country(
        "IN",
        "INR",
        (
            ("Mumbai", "MH", "400"),
            ("Bengaluru", "KA", "560"),
            ("Chennai", "TN", "600"),
            ("New Delhi", "DL", "110"),
        ),
        3,
        ("+91 98### #####", "098########", "97########", "(+91) 98###-#####", "0091 99######## "),
    ),
    _Country(
        "US",
        "USD",
        (("Austin", "TX", "787"), ("Seattle", "WA", "981"), ("Boston", "MA", "021")),
        2,
        ("(212) 555-0###", "+1 512 555 0###", "206.555.0###", "1-617-555-0###"),
    ),
    _Country(
        "GB",
        "GBP",
        (("London", "ENG", "SW1A 1A"), ("Leeds", "ENG", "LS1 4D"), ("Cardiff", "WLS", "CF10 1D")),
        0,
        ("020 7946 0###", "+44 (0)20 7946 0###", "0113 496 0###", "+4429201800##"),
    ),
    _Country(
        "DE",
        "EUR",
        (("Berlin", "BE", "101"), ("München", "BY", "803"), ("Köln", "NW", "506")),
        2,
        ("030 23125###", "+49 89 9998####", "0221/4710###", "0049-30-23125###"),
    ),
    _Country(
        "FR",
        "EUR",
        (("Paris", "IDF", "750"), ("Lyon", "ARA", "690")),
        2,
        ("01 99 00 ## ##", "+33 1 99 00 ## ##", "04.65.71.##.##"),
    ),
)
_COUNTRY_OF = {country.code: country for country in _COUNTRIES}
_DIRT = 0.05
_PARTS = ("address", "city", "state", "zip_code", "country")


def customer(number: int, created_at: datetime, draw: random.Random) -> Customer:
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    country = draw.choices(_COUNTRIES, (5, 3, 2, 2, 1))[0]
    clean = Customer(
        customer_id=f"C{number:06}",
        first_name=first,
        last_name=last,
        email=email(first, last, number),
        phone=phone(country.code, draw),
        address=None,
        city=None,
        state=None,
        zip_code=None,
        country=country.code,
        is_active=True,
        is_deleted=False,
        created_at=created_at,
        updated_at=created_at,
    )
    return _soiled(moved(clean, draw), draw)


def moved(customer: Customer, draw: random.Random) -> Customer:
    """The customer at a new address in the same country."""
    country = _country_of(customer)
    city, state, beginning = draw.choice(country.places)
    address = f"{draw.randint(1, 400)} {draw.choice(_STREETS)}"
    zip_code = beginning + (
        _digits(draw, country.zip_digits) if country.zip_digits else draw.choice(("A", "B", "E"))
    )
    return replace(customer, address=address, city=city, state=state, zip_code=zip_code)


def currency(customer: Customer | None) -> str:
    return _country_of(customer).currency if customer else _COUNTRIES[0].currency


def email(first: str | None, last: str | None, number: int) -> str:
    return f"{_ascii(first)}.{_ascii(last)}{number}@example.com"


def phone(country: str | None, draw: random.Random) -> str:
    form = draw.choice(_COUNTRY_OF[(country or "IN").upper()].phones)
    return "".join(_digits(draw, 1) if sign == "#" else sign for sign in form)


def dirty_email(clean: str, draw: random.Random) -> str | None:
    """As it is typed: in capitals, with blanks, with nonsense, or not at all."""
    return draw.choice(
        (clean.upper(), f" {clean.title()}", f"{clean}  ", draw.choice(_NONSENSE_EMAILS), None)
    )


def _soiled(clean: Customer, draw: random.Random) -> Customer:
    found = clean
    if draw.random() < 4 * _DIRT:
        found = replace(found, email=dirty_email(clean.email or "", draw))
    if draw.random() < 2 * _DIRT:
        found = replace(found, phone=draw.choice((draw.choice(_NONSENSE_PHONES), None)))
    if draw.random() < _DIRT:
        found = replace(found, first_name=f" {clean.first_name}  Maria", last_name=f"{clean.last_name} ")
    if draw.random() < _DIRT / 2:
        found = replace(found, last_name=None)
    if draw.random() < 2 * _DIRT:
        found = replace(found, country=(clean.country or "").lower())
    if draw.random() < _DIRT:
        found = replace(found, **_nothing(draw.choice(_PARTS)))
    if draw.random() < _DIRT:
        found = replace(
            found, address=f"  {clean.address}  Flat  {draw.randint(1, 20)} ", city=f"{clean.city} "
        )
    return found


def _nothing(part: str) -> dict[str, Any]:
    return {part: None}


def _country_of(customer: Customer) -> _Country:
    return _COUNTRY_OF[(customer.country or _COUNTRIES[0].code).upper()]


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def _ascii(name: str | None) -> str:
    spelt = unicodedata.normalize("NFKD", name or "nobody").lower()
    return "".join(letter for letter in spelt if letter.isascii() and letter.isalpha())
