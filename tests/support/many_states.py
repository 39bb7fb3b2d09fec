"""A tap's process that imports this tells a state with all that it writes, and not only each ten seconds."""

import random

from tap_invoices.sync.output import AccountWriter, Output

Output.is_state_due = lambda _: True
AccountWriter.is_state_due = lambda _: random.random() < 0.25  # else an account's rows wait until its stream ends
