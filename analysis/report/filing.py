"""Filing: in which form a table is kept."""

FILED = 10_000
"""A table with more rows is written as Parquet alone: as text it takes seconds and tens of megabytes."""
