"""The services of the cloud: one folder each, all of the same shape (ARCHITECTURE.md)."""
