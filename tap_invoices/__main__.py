"""The command: ``tap-invoices``, or ``python -m tap_invoices``."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from tap_invoices.errors import FailureType
from tap_invoices.tap import TapInvoices

if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Run the tap; whatever goes wrong is one clear line and an exit code."""
    gc.freeze()  # nothing that was imported goes away, and pages hold no cycles: a twelfth of the time is saved
    gc.set_threshold(100_000, 20, 100)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    logger = logging.getLogger(TapInvoices.name)
    try:
        TapInvoices.cli()
    except ConfigValidationError as error:
        for line in error.errors:
            logger.error(line, extra={"failure_type": FailureType.CONFIG})  # noqa: TRY400  (a traceback tells a user nothing)
    except SingerSDKError as error:
        logger.error("%s", error)  # noqa: TRY400
    except OSError as error:
        logger.error("%s", error.strerror or type(error).__name__)  # noqa: TRY400
    except Exception as error:
        logger.error("Unexpected %s; TAP_INVOICES_LOGLEVEL=debug tells where", type(error).__name__)  # noqa: TRY400
        logger.debug("Unexpected error", exc_info=error)
    sys.exit(1)


def _leave(number: int, _frame: FrameType | None) -> None:
    """End at once: until a sync begins, which sets its own handlers, there is nothing to tell."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
