"""How trackers are scored on held-out scenes. Imports the loop's rollout, nothing else of dyna."""
