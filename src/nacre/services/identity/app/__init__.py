"""The decisions of identity: what may happen, and what is written down."""
