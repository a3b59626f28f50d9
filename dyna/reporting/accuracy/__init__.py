"""How wrong a world model may be: faults of known size, what they cost, where they break even."""
