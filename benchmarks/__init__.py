"""How fast the tap is, beside others that do the same work: ``python -m benchmarks``."""
