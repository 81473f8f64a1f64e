"""nacre: a cloud operating system in one package."""
