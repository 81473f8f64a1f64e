"""A cloud of several machines on one: control nodes, hosts and a proxy, for tests and for people who want to see it.

programs    what runs in it, each a process of its own that may be stopped, killed and started again
run         what `nacre lab` does
bed         the machines, their configuration, and what runs on them
"""
