"""The network service: virtual networks, the addresses on them, and who may talk to whom.

Neutron's API v2.0.  The control plane here decides and remembers: which network exists, which address
belongs to which port, which host carries what.  It never touches a packet; each host's network agent
(`agent/`) asks for its view of that memory and makes it so (`rpc.py` is the whole conversation).
"""
