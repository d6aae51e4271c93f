"""Learners that climb the gradient of what they expect to earn."""
