"""The format in which a table is written."""

MAX_TEXT_ROWS = 10_000
"""Longer tables are written as Parquet only: as text they take seconds and tens of megabytes."""
