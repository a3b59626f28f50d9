"""Rows to tables, sentences, charts and pages. May import scores and pictures, never a run."""
