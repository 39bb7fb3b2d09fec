"""Currencies by ISO 4217: which there are, and how many decimals their smallest unit has."""

from __future__ import annotations

from typing import Literal

from tap_invoices.einvoice.exact import Amount, Number, number, shift

AmountsIn = Literal["units", "cents"]

_OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_TWO_DECIMALS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "
    # Not valid any more, but on invoices of the last years.
    "ANG CUC EEK HRK LTL LVL SLL ZWL"
)
_DECIMALS = dict.fromkeys(_TWO_DECIMALS.split(), 2) | {
    code: decimals for decimals, codes in _OTHER_DECIMALS.items() for code in codes.split()
}


def currency(code: str | None, sign: str | None = None) -> str | None:
    """Return the ISO 4217 letters of a currency, from its code, or the euro's from its sign.

    The sign is only believed where the code does not name something else: "Credits" with "€" is not known.
    """
    named, drawn = (code or "").strip().upper(), (sign or "").strip()
    if named in _DECIMALS:
        return named
    may_be_euro = named in {"", "€"} or named.startswith("EUR")
    return "EUR" if may_be_euro and "€" in {named, drawn} else None


def major(value: Number, code: str | None) -> Amount:
    """Return an amount in major units, given in the currency's smallest; None if the currency is not known."""
    decimals = _DECIMALS.get(code or "")
    return None if decimals is None else shift(value, decimals)


def amount_in(amounts_in: AmountsIn | None, value: Number, code: str | None) -> Amount:
    """Return an amount in major units, given in what the user says it is in; None if the user says nothing."""
    if amounts_in == "cents":
        return major(value, code)
    return number(value) if amounts_in == "units" else None
