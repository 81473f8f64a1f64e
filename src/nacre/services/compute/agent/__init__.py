"""The program on a host that makes servers so, and says what is so.

It receives specs and commands from the control plane over the bus (``rpc.py``), writes them down on the
host's disk, and has a driver do them.  It holds no database access and no user's credentials.
"""
