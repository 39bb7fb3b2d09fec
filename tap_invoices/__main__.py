"""The command: ``tap-invoices``, or ``python -m tap_invoices``."""

from __future__ import annotations

import sys

from tap_invoices import signals


def main() -> None:
    """Run the tap; whatever goes wrong is one clear line and an exit code."""
    signals.end_at_once()  # before the imports, which take most of a second
    import gc  # noqa: PLC0415

    gc.disable()  # while modules are made, of which nothing goes away: a quarter of their time is saved
    import logging  # noqa: PLC0415

    from singer_sdk.exceptions import ConfigValidationError, SingerSDKError  # noqa: PLC0415

    from tap_invoices.errors import FailureType  # noqa: PLC0415
    from tap_invoices.tap import TapInvoices  # noqa: PLC0415

    gc.freeze()  # nothing that was imported goes away, and pages hold no cycles: a twelfth of the time is saved
    gc.set_threshold(100_000, 20, 100)
    gc.enable()
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


if __name__ == "__main__":
    main()
