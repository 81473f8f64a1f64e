"""What every nacre service stands on; it knows no service by name."""
