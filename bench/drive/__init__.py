"""The client of the bench: the same requests to whichever cloud."""
