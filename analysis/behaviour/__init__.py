"""What agents do, to whom, and what it costs."""
