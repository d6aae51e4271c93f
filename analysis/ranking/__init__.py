"""Rankings: mean payoffs, the agents that can be ranked, and the ranks that the data leave open."""
