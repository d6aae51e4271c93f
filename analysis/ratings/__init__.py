"""Ratings that ask what an agent is worth in a game: equilibria, evolution, votes and pairwise comparisons.

Each takes payoffs and gives scores; `ratings.rate` puts them side by side with intervals.
"""
