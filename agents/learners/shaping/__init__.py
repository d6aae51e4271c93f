"""Opponent shapers: learners that count on the others learning."""
