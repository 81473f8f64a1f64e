"""The peer: the real OpenStack, on this machine's loopback, to measure nacre against.

It is a peer and never a dependency: installed from PyPI into an environment of its own under ~/.cache/nacre/bench,
with MariaDB, RabbitMQ and memcached from Debian, all on ports of their own, with their state in the same place.
Five services as nacre has them: keystone, placement, glance, nova with its fake driver, neutron.  Two worker processes
for each API.  `bench/openstack up` and `down` are its two verbs; both may be run again at any time.

One thing is repaired, and only one: the release's oslo.messaging looks for replies every half second, which makes
each call wait although nothing works; a later release waits properly (see reply_poll).  Measured without the repair,
the peer would look five times slower than it is.
"""
