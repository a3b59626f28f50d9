"""How world models are scored against the truth. Imports the loop's imagination alone."""
