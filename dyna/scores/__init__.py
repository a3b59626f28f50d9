"""What runs leave behind: results files, and the statistics of their seeds.

Imports nothing of ours.
"""
