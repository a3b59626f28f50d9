"""Scenes, the tracking task over any scene, and what flows out of it (trajectories)."""
