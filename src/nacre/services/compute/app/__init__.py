"""Compute's decisions: what may happen to a server, and what is written down when it does."""
