"""Money, days and times as a person reads them, in United States English and Spanish.

Spanish follows the usage of the United States (CLDR es-US): comma for thousands, point for
decimals, twelve hours.
"""

from __future__ import annotations

from datetime import date, time
from enum import Enum


class Language(Enum):
    """The languages that every text exists in; values are BCP 47 tags."""

    ENGLISH = "en"
    SPANISH = "es"


# ISO 4217: digits after the decimal point, where they are not two.
_MINOR_DIGITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0
    ),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_USUAL_MINOR_DIGITS = 2

# Signs that mean one currency to a reader in the United States; others get their code.
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_CODE_LENGTH = 3

_WEEKDAYS = {
    Language.ENGLISH: [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ],
    Language.SPANISH: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
}
_MONTHS = {
    Language.ENGLISH: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    Language.SPANISH: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
}
_HALVES = {Language.ENGLISH: ("AM", "PM"), Language.SPANISH: ("a. m.", "p. m.")}
_NOON_HOUR = 12


def money(amount_minor: int, currency: str) -> str:
    """The amount with its sign or code, `$1,234.56` or `CLP 1,234`, alike in both languages.

    `amount_minor` counts minor units and is not negative; `currency` is an ISO 4217 code.
    Raises ValueError otherwise.
    """
    if amount_minor < 0:
        raise ValueError("an amount owed cannot be negative")
    if len(currency) != _CODE_LENGTH or not (currency.isascii() and currency.isupper()):
        raise ValueError("a currency is three capital letters (ISO 4217)")
    digits = _MINOR_DIGITS.get(currency, _USUAL_MINOR_DIGITS)
    whole, fraction = divmod(amount_minor, 10**digits)
    number = f"{whole:,}.{fraction:0{digits}}" if digits else f"{whole:,}"
    return _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}") + number


def decimal(amount_minor: int, currency: str) -> str:
    """The bare number, `-1234.56`, as programs and tables take it. Any sign is good."""
    digits = _MINOR_DIGITS.get(currency, _USUAL_MINOR_DIGITS)
    whole, fraction = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{whole}.{fraction:0{digits}}" if digits else f"{sign}{whole}"


def day(on: date, language: Language) -> str:
    """`Friday, March 5, 2027` or `viernes 5 de marzo de 2027`."""
    weekday = _WEEKDAYS[language][on.weekday()]
    month = _MONTHS[language][on.month - 1]
    if language is Language.SPANISH:
        return f"{weekday} {on.day} de {month} de {on.year}"
    return f"{weekday}, {month} {on.day}, {on.year}"


def clock_time(at: time, language: Language) -> str:
    """`1:30 PM` or `1:30 p. m.`; spaces do not break."""
    half = _HALVES[language][at.hour >= _NOON_HOUR]
    return f"{at.hour % _NOON_HOUR or _NOON_HOUR}:{at.minute:02} {half}".replace(
        " ", "\N{NO-BREAK SPACE}"
    )
