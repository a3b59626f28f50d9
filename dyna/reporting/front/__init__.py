"""The front page: the answer in three sentences, and the table of tiers."""
