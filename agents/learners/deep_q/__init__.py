"""Deep Q-learning: action values from networks, learned from replayed experience."""
