"""What placement decides."""
