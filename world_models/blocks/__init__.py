"""What several world models are made of. Imports envs alone."""
