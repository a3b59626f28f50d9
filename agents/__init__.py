"""Tracking agents: HART trained by PPO, and the reference trackers."""
