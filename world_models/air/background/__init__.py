"""AIR's background: its latent, its canvas beyond the view, how the view moves, bars in front."""
