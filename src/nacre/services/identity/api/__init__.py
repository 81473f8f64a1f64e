"""The edge of the Identity API: one file per resource."""
