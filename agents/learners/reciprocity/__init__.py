"""Reciprocators, and the influence that they return."""
