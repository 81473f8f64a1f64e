"""`python -m nacre`: what the launcher runs."""

from nacre.cmd import main

main()
