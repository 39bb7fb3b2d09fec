"""A local server that stands in for all providers' APIs, for demos and tests.

It knows nothing of the tap: each provider's file is written from the provider's own page, and refuses what the page
does not allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_invoices.sandbox.server import Sandbox, serve

__all__ = ["Sandbox", "serve"]


def __getattr__(name: str) -> Any:
    """Import the server when it is asked for, so that the command can say in one line what it lacks.

    Raises:
        ModuleNotFoundError: If the extra is not installed; production does without it.
    """
    if name not in __all__:
        raise AttributeError(name)
    try:
        from tap_invoices.sandbox import server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        message = "the sandbox needs one thing more: pip install 'tap-invoices[sandbox]'"
        raise ModuleNotFoundError(message, name=error.name) from None
    return getattr(server, name)
