"""The task as Gymnasium environments."""
