"""The variance of payoffs over partners and repetitions; intervals and tests."""
