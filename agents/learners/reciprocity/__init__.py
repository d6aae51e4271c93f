"""Reciprocators, and the value influence that they return."""
