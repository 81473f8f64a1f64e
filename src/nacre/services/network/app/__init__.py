"""Decisions of the network service: what may happen, and what is written down."""
