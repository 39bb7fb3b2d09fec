"""What an answer means: the one place where a status becomes an error."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_invoices.errors import (
    Cause,
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
        credentials: Where in the settings an account's credentials stand, as messages tell it.
    """

    name: str
    title: str
    permission: str
    redirect_is_sign_in: bool = False
    credentials: str = ""

    @property
    def names(self) -> dict[str, str]:
        """What fills in the texts of a cause."""
        credentials = self.credentials or f"`{self.name}`"
        return {"name": self.name, "title": self.title, "permission": self.permission, "credentials": credentials}

    def is_signed_out(self, response: Response) -> bool:
        """Tell whether an answer says that the token is not good (any more)."""
        status = response.status_code
        return status == HTTPStatus.UNAUTHORIZED or (self.redirect_is_sign_in and _is_redirect(status))

    def tell(self, cause: Cause, status: int | None = None) -> str:
        """Say what went wrong and what helps, in the names of the portal."""
        phrase = "" if status is None else _phrase(status)
        return cause.tell(**self.names, status=status, phrase=phrase)


def judge(response: Response, portal: Portal, path: str) -> None:
    """Raise what an answer to a stream means, unless it is good. Nothing of its body is told: it may be personal.

    Raises:
        RetriableAPIError: If the request may be repeated.
        FatalAPIError: If it may not.
    """
    status = response.status_code
    if status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return
    cause, what = _cause(response, portal), f"{status} for GET {path}"
    if cause is Cause.MAY_PASS:
        msg = f"{what}: {_phrase(status)}"
        raise RetriableAPIError(msg, response, cause)
    msg = f"{what}: {portal.tell(cause, status)}"
    raise _ERRORS[cause](msg, cause, status)


def judge_sign_in(response: Response, portal: Portal) -> None:
    """Raise what an answer to a sign-in means, unless it is good.

    Raises:
        RetriableAPIError: If the request may be repeated.
        FatalAPIError: If it may not.
    """
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    cause = _cause_at_sign_in(status)
    if cause is Cause.SIGN_IN_MAY_PASS:
        raise RetriableAPIError(cause.words.format(status=status), response, cause)
    raise _ERRORS[cause](portal.tell(cause, status), cause, status)


_ERRORS: dict[Cause, type[FatalAPIError]] = {
    Cause.SIGNED_OUT: SignedOutError,
    Cause.SIGN_IN_PAGE: SignedOutError,
    Cause.FORBIDDEN: RefusedError,
    Cause.REDIRECT: FatalAPIError,
    Cause.NOT_FOUND: GoneError,
    Cause.GONE: GoneError,
    Cause.REFUSED: FatalAPIError,
    Cause.NO_SIGN_IN: FatalAPIError,
    Cause.SIGN_IN_REDIRECTS: SignInError,
    Cause.SIGN_IN_REFUSED: SignInError,
}

_CAUSES: dict[int, Cause] = {
    HTTPStatus.FORBIDDEN: Cause.FORBIDDEN,
    HTTPStatus.NOT_FOUND: Cause.NOT_FOUND,
    HTTPStatus.GONE: Cause.GONE,
}


def _cause(response: Response, portal: Portal) -> Cause:
    status = response.status_code
    if _may_pass(status):
        return Cause.MAY_PASS
    if portal.is_signed_out(response):
        return Cause.SIGN_IN_PAGE if _is_redirect(status) else Cause.SIGNED_OUT
    if _is_redirect(status):
        return Cause.REDIRECT
    return _CAUSES.get(status, Cause.REFUSED)


def _cause_at_sign_in(status: int) -> Cause:
    if _may_pass(status):
        return Cause.SIGN_IN_MAY_PASS
    if status == HTTPStatus.NOT_FOUND:
        return Cause.NO_SIGN_IN
    return Cause.SIGN_IN_REDIRECTS if _is_redirect(status) else Cause.SIGN_IN_REFUSED


def _may_pass(status: int) -> bool:
    return status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "an unknown status"
