"""A cloud of several machines on one, for tests and for people who want to see it: control nodes, hosts, a proxy.

machines        what a machine is, and that it stands on some ground
loopback        … on addresses of this computer's loopback, for whoever may not do more
switch          … in network namespaces, with wires that can be cut
infrastructure  the database server and the broker, on a machine of their own
real_hosts      hosts whose servers are real
programs        what runs on machines, each a process of its own that may be stopped, killed and started again
bed             the machines of one cloud, their configuration, and what runs on them
lab             all of that together
run             what `nacre lab` does
"""
