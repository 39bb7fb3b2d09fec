"""One account's API: sign, send, retry, judge."""
