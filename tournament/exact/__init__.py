"""Exact payoffs of finite automata, by Markov chains."""
