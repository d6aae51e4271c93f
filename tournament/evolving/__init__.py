"""Agents whose parameters evolve: a genome, what it earns, and how it changes from one generation to the next."""
