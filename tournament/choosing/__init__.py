"""Partner choice: what a chooser knows of its matches, the rules by which it stays or leaves, and what follows."""
