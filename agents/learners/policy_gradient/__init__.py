"""Policy-gradient learners."""
