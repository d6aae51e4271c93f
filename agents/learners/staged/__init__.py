"""Learners of populations with reputations: one value function for each stage."""
