"""The answer of a sign-in: an OAuth token, or why there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tap_invoices.errors import BodyError
from tap_invoices.http.answers import Portal, judge_sign_in
from tap_invoices.http.session import read_body
from tap_invoices.records.decode import decode

if TYPE_CHECKING:
    from requests import Response


_TOKEN = re.compile(r"[!-~]+")


def read_token(response: Response, portal: Portal) -> dict[str, Any]:
    """Return the OAuth answer.

    Raises:
        BodyError: If it holds no token, or one that no header can carry.
    """
    judge_sign_in(response, portal)
    answer = decode(read_body(response))
    if not isinstance(answer, dict) or not answer.get("access_token"):
        msg = "the sign-in answer has no access_token"
        raise BodyError(msg)
    if not _TOKEN.fullmatch(str(answer["access_token"])):
        msg = "the access_token of the sign-in answer has characters that no header can carry"
        raise BodyError(msg)
    return answer


def secrets_of(answer: dict[str, Any]) -> set[str]:
    """Return what of an OAuth answer must never show."""
    return {str(answer[name]) for name in ("access_token", "refresh_token") if answer.get(name)}
