"""What could have moved a payoff, and tests and intervals of that."""
