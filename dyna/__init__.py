"""Dyna: a tracking agent learns from real rollouts and from those that a world model imagines."""

__version__ = "0.1.0"
