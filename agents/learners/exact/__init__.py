"""Learners of differentiable games, by the exact gradient of their values."""
