"""The error that a user can fix."""


class DilemmaError(Exception):
    """One sentence: what was found, where, and what is allowed."""
