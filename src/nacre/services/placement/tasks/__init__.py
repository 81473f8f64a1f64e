"""What placement does by itself, for ever."""
