"""Networks of many chairs at once: layers, policies, optimisers, and encoders of observations."""
