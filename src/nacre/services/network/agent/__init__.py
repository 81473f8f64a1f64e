"""The network agent: the program that wires one host as the control plane wants it.

`main.NetworkAgent` fetches the host's view and keeps it true through a driver (`drivers/`), which
knows how: with real packets (`linux`) or on paper (`simulated`).
"""
