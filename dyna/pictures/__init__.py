"""Arrays to pictures and films. May import evaluation and diagnosis, whose numbers it shows."""
