"""Many accounts on many workers: batches of accounts as ``tap | target``, each account's state in a file of its own."""
