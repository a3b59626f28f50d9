"""How world models are scored against the truth. Imports nothing else of dyna."""
