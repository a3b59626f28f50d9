"""YAML configuration, one file per env, agent, world model, logger and experiment."""
