"""The Placement API: one file for each resource."""
