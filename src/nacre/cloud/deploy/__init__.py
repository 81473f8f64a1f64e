"""A cloud of several machines: what its operator must carry, generate and verify.

key          the secret that all control nodes share
plan         which APIs answer on which nodes and ports
haproxy      the proxy in front of them
check        what is wrong, and what mends it (its examinations are beside it)
credentials  how the administrator logs in
"""
