"""What an answer means: the one place where a status becomes an error."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_invoices.errors import (
    FatalAPIError,
    GoneError,
    RefusedError,
    RetriableAPIError,
    SignedOutError,
    SignInError,
)

if TYPE_CHECKING:
    from requests import Response

_RETRIED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True)
class Portal:
    """Who is asked, as messages name it.

    Args:
        name: Name of its object in the settings.
        title: Its name among people.
        permission: What a 403 usually means, in the provider's own words.
        redirect_is_sign_in: Whether it answers wrong credentials with a redirect to a sign-in page.
    """

    name: str
    title: str
    permission: str
    redirect_is_sign_in: bool = False

    def is_signed_out(self, response: Response) -> bool:
        """Tell whether an answer says that the token is not good (any more)."""
        status = response.status_code
        return status == HTTPStatus.UNAUTHORIZED or (self.redirect_is_sign_in and _is_redirect(status))


def judge(response: Response, portal: Portal, path: str) -> None:
    """Raise what an answer to a stream means, unless it is good. Nothing of its body is told: it may be personal.

    Raises:
        RetriableAPIError: If the request may be repeated.
        FatalAPIError: If it may not.
    """
    status = response.status_code
    if status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return
    message = f"{status} for GET {path}: {_advice(response, portal)}"
    if _may_pass(status):
        raise RetriableAPIError(message, response)
    if portal.is_signed_out(response):
        raise SignedOutError(message)
    if status == HTTPStatus.FORBIDDEN:
        raise RefusedError(message)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise GoneError(message)
    raise FatalAPIError(message)


def judge_sign_in(response: Response, portal: Portal) -> None:
    """Raise what an answer to a sign-in means, unless it is good.

    Raises:
        RetriableAPIError: If the request may be repeated.
        FatalAPIError: If there is no sign-in.
        SignInError: If the credentials are refused.
    """
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    if _may_pass(status):
        msg = f"{status} at sign-in"
        raise RetriableAPIError(msg, response)
    if status == HTTPStatus.NOT_FOUND:
        msg = f"{portal.title} has no sign-in at this address (404): check the URLs in `{portal.name}`"
        raise FatalAPIError(msg)
    if _is_redirect(status):
        msg = (
            f"{portal.title} answers the sign-in with a redirect ({status}), which is never followed: "
            f"check the URLs and the credentials in `{portal.name}`"
        )
        raise SignInError(msg)
    msg = f"{portal.title} refuses the sign-in ({status}): check the credentials in `{portal.name}`"
    raise SignInError(msg)


def _advice(response: Response, portal: Portal) -> str:
    status = response.status_code
    if portal.is_signed_out(response):
        how = "a redirect to a sign-in page" if _is_redirect(status) else "not signed in"
        return f"{how}: {portal.title} does not accept the credentials in `{portal.name}`"
    if status == HTTPStatus.FORBIDDEN:
        return f"permission denied: {portal.permission}"
    if _is_redirect(status):
        return f"a redirect, which is never followed: check `{portal.name}.api_url`"
    if status == HTTPStatus.NOT_FOUND:
        return f"not found; if it is so for all, check `{portal.name}.api_url`"
    return _phrase(status)


def _may_pass(status: int) -> bool:
    return status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "an unknown status"
