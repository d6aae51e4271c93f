"""Ratings of agents in the game that the payoff table defines: equilibria, evolution, votes and pairwise
comparisons.

Each takes payoffs and gives scores; `ratings.rate` puts them side by side with intervals.
"""
