"""What world models without objects share: one latent for the whole frame."""
