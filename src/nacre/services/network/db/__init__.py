"""What the network service remembers: tables, and queries by noun."""
