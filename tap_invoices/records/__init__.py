"""Bytes to exact values that fit a schema."""
