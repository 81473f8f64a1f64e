"""The background work of the image service."""
