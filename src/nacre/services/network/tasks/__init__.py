"""What the network service does by itself, for ever: one reconciler per file."""
