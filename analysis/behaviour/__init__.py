"""Behaviour of agents, its effect on others, and its cost."""
