"""Invented, lifelike values: each follows from a seed and an index alone.

Odd ones (ids to be quoted, amounts at the edges, broken text) sit at fixed indices,
so that a sandbox of 25 invoices has them all.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random

EPOCH = datetime(2026, 10, 1, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)

UNKNOWN_FIELD = 11
"""Index of the invoice that carries fields its provider's page does not name."""

COMPANIES = (
    "Boulangerie Éclair SARL",
    "Müller & Söhne GmbH",
    "Straßenbau Weiß AG",
    "Peña Hermanos S.L.",
    "日本電設株式会社",
    "Ångström Måling AS",
    "Łódź Logistyka Sp. z o.o.",
    "Van der Velde B.V.",
    "O'Brien & Daughters Ltd",
    "Čapek a synové s.r.o.",
    "Fibre Océane SAS",
    'Tuinbouw "De Akker" V.O.F.',
)
PEOPLE = (
    "Zoë Müller",
    "José Núñez",
    "Anaïs Lefèvre",
    "Søren Ågård",
    "佐藤 健",
    "Siobhán O'Neill",
    "Willem de Groot",
)
PLACES = (
    ("12 rue de l'Église", "69003", "Lyon", "FR"),
    ("Hauptstraße 7a", "1010", "Wien", "AT"),
    ("Keizersgracht 241", "1016 EA", "Amsterdam", "NL"),
    ("Calle Peñón 3", "28013", "Madrid", "ES"),
    ("Köpmangatan 18", "111 31", "Göteborg", "SE"),
    ("Level 4, 90 Collins St", "3000", "Melbourne", "AU"),
)
THINGS = (
    "Fibre link 1 Gbit/s",
    "Dédié FTTO 100 Mbit/s",
    "Bare-metal server",
    "Präzisionsteil Ø 12 mm",
    "Wartung & Prüfung",
    "Colocation ½ rack",
    "Support hours",
)
ODD_AMOUNTS = tuple(
    map(
        Decimal,
        ("110.00", "0.30000000000000004", "999999999999.99", "0.0001", "-12.50"),
    )
)
_ODD_KEYS = ("{}/ #%+é", "../{}", "{}%2F", "{}?a=1&b=2", "日本 {}", "{};v=1:ß")
_ODD_NOTES = {
    6: "Danke für Ihren Auftrag 🎉",
    8: "",
    10: 'Two lines,\n\ta tab, "quotes" and a \\ backslash',
    13: "Señor Peña: größer als ½, 日本語",
}
_BROKEN_NOTES = {7: "before\x00after", 9: "half a face \ud83d here"}
_CENT = Decimal("0.01")


def dice(seed: int, index: int) -> Random:
    """Return the random numbers of one invoice."""
    return Random(seed * 1_000_003 + index)  # noqa: S311


def moment(index: int, count: int) -> datetime:
    """Return when an invoice was created (UTC, milliseconds): never falling.

    Every tenth shares the moment of the one before it.
    """
    step = index - 1 if index % 10 == 7 else index  # noqa: PLR2004
    at = EPOCH - SPAN + SPAN * step / max(count, 1)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def changed(index: int, created: datetime, die: Random, soon: timedelta) -> datetime:
    """Return when an invoice was last changed: soon after it was created, or every third at any time since."""
    after = timedelta(minutes=die.randrange(soon // timedelta(minutes=1)))
    return min(created + after, EPOCH) if index % 3 else created + (EPOCH - created) * (after / soon)


@lru_cache(1024)
def uid(seed: int, *parts: object) -> str:
    """Return a UUID-like id that follows from the seed and the parts."""
    code = hashlib.blake2b(repr((seed, parts)).encode(), digest_size=16).hexdigest()
    return f"{code[:8]}-{code[8:12]}-{code[12:16]}-{code[16:20]}-{code[20:]}"


def odd_key(plain: str, index: int, every: int = 12, first: int = 5) -> str:
    """Return an id as it is, or now and then one that has to be quoted in a path."""
    if index % every != first:
        return plain
    return _ODD_KEYS[index // every % len(_ODD_KEYS)].format(plain)


def price(index: int, die: Random) -> Decimal:
    """Return an amount without tax, in major units; below zero for a credit note."""
    if 1 <= (odd := index % 25) <= len(ODD_AMOUNTS):
        return ODD_AMOUNTS[odd - 1]
    amount = Decimal(die.randrange(500, 9_000_000)).scaleb(-2)
    return -amount if index % 9 == 4 else amount  # noqa: PLR2004


def share(amount: Decimal, rate: int) -> Decimal:
    """Return so many per cent of an amount, to the cent."""
    return (amount * rate / 100).quantize(_CENT)


def plain(amount: Decimal) -> str:
    """Return an amount as text with the digits that it has, never as ``1E-7``."""
    return f"{amount:f}"


def note(index: int, die: Random, *, broken: bool = False) -> str:
    """Return a description; ``broken`` adds one NUL and one lone surrogate to a book."""
    if broken and index in _BROKEN_NOTES:
        return _BROKEN_NOTES[index]
    if (odd := _ODD_NOTES.get(index % 25)) is not None:
        return odd
    return f"{die.choice(THINGS)}, {die.choice(PEOPLE)}"
