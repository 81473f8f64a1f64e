"""What compute does in the background: one workflow or reconciler per file."""
