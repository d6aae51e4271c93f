"""Parameters of many chairs at once: layers, nets, optimisers, and what a player sees as numbers."""
