"""One run, from a config to its files.

May import every room below; studies start it by command.
"""
