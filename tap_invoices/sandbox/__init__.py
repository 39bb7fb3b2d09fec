"""A local server that stands in for all providers' APIs, for demos and tests.

It knows nothing of the tap: each provider's file is written from the provider's own page, and refuses what the page
does not allow.
"""

try:
    from tap_invoices.sandbox.server import Sandbox, serve
except ModuleNotFoundError as error:  # an extra: production installs do without it
    if error.name != "aiohttp":
        raise
    message = "the sandbox needs one thing more: pip install 'tap-invoices[sandbox]'"
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["Sandbox", "serve"]
