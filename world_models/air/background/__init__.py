"""AIR's background: its latent, its canvas beyond the view, bars that stand in front."""
