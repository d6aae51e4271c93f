"""Opponent shapers: learners that take the others' learning into account."""
