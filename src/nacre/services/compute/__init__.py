"""Compute: servers (virtual machines), from the request on paper to a guest that runs on a host.

The control plane lives in `api`, `app`, `db` and `tasks`; what runs on the hosts lives in `agent`;
`rpc.py` is everything that the two say to each other.  To read a story from end to end: `api/servers.py`
(the request), `app/servers.py` (what is checked and written down), `tasks/server_build.py` (what happens
then).
"""
