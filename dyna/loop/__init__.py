"""The Dyna loop and its parts: rollout, replay, imagination. Knows no config, file or picture."""
