"""What must hold on SQLite, PostgreSQL and MariaDB alike, with several at work at once."""

import threading

import pytest
from sqlalchemy import event

from nacre.kernel.db import Page
from nacre.kernel.testing.cloud import TestCloud
from nacre.services.network import rpc
from nacre.services.network.app import networks, ports, reports, security_groups, subnets, views
from nacre.services.network.errors import IpAddressGenerationFailure, OverQuota
from nacre.services.network.service import MANIFEST

PROJECT = "a-project"
COMMON = {"project_id": PROJECT, "description": "", "name": ""}
NETWORK = COMMON | {
    "admin_state_up": True, "external": False, "shared": False, "is_default": False,
    "port_security_enabled": True, "dns_domain": "", "availability_zone_hints": [],
}  # fmt: skip
SUBNET = COMMON | {
    "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": False, "dns_nameservers": [], "host_routes": [],
    "service_types": [], "ipv6_ra_mode": None, "ipv6_address_mode": None,
}  # fmt: skip
PORT = COMMON | {
    "admin_state_up": True, "device_id": "", "device_owner": "", "allowed_address_pairs": [],
    "extra_dhcp_opts": [], "dns_name": "", "vnic_type": "normal", "profile": {},
}  # fmt: skip


@pytest.fixture
def ctx(database_url, tmp_path):
    cloud = TestCloud(
        [MANIFEST],
        tmp_path,
        config={"database": {"url": database_url}, "network": {"vxlan_ranges": [[1, 12]]}},
    )
    yield cloud.process.services["network"].background_context(project_id=PROJECT)
    cloud.close()


def at_once(count, act):
    """Call act(number) in so many threads at once; return results and raise the first failure."""
    results, failures = [None] * count, []
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        try:
            results[number] = act(number)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def make_network(ctx, **fields):
    return networks.create(ctx, [NETWORK | fields])[0]


def make_subnet(ctx, network, **fields):
    return subnets.create(ctx, [SUBNET | {"network_id": network.id} | fields])[0]


def make_port(ctx, network, **fields):
    return ports.create(ctx, [PORT | {"network_id": network.id} | fields])[0]


def test_no_two_ports_get_one_address(ctx):
    network = make_network(ctx)
    pool = [{"start": "10.0.0.10", "end": "10.0.0.33"}]
    make_subnet(ctx, network, allocation_pools=pool)

    def make_six(number):
        return [make_port(ctx, network, project_id=f"p{number}").fixed_ips[0].ip_address for _ in range(6)]

    taken = [address for some in at_once(4, make_six) for address in some]
    assert sorted(taken) == [f"10.0.0.{n}" for n in range(10, 34)]
    with pytest.raises(IpAddressGenerationFailure):
        make_port(ctx, network)
    held = ports.index(ctx, {"fixed_ips": ["ip_address=10.0.0.20"]}, Page())[0]
    ports.delete(ctx, held)
    assert make_port(ctx, network).fixed_ips[0].ip_address == "10.0.0.20"


def test_no_two_networks_get_one_segment(ctx):
    made = at_once(4, lambda number: [make_network(ctx, project_id=f"p{number}") for _ in range(3)])
    assert sorted(network.segmentation_id for some in made for network in some) == list(range(1, 13))
    freed = made[2][1]
    networks.delete(ctx, freed)
    assert make_network(ctx).segmentation_id == freed.segmentation_id


def test_a_project_has_one_default_group(ctx):
    network = make_network(ctx)
    made = at_once(4, lambda number: make_port(ctx, network))
    groups = {group for port in made for group in port.security_groups}
    assert len(groups) == 1
    (group,) = security_groups.index(ctx, {"name": ["default"], "project_id": [PROJECT]}, Page())
    assert {group.id} == groups
    assert len(group.rules) == 4


def test_a_quota_holds_against_many_at_once(ctx):
    from nacre.services.network.app import limits

    limits.update(ctx, PROJECT, {"port": 5})
    network = make_network(ctx)

    def try_three(number):
        made = 0
        for _ in range(3):
            try:
                make_port(ctx, network)
                made += 1
            except OverQuota:
                pass
        return made

    assert sum(at_once(4, try_three)) == 5


class Neighbourhood:
    """What hosts know of each other's ports, as their agents would keep it."""

    def __init__(self, ctx, *names):
        self.ctx = ctx
        self.known = {name: {} for name in names}
        self.revisions = dict.fromkeys(names, 0)
        for name in names:
            reports.hear_host(
                ctx,
                rpc.HostReport(
                    host=name, revision=0, driver="simulated", started_at="", capabilities=("vxlan",)
                ),
            )

    def sync(self, name):
        request = rpc.HostChangesRequest(host=name, since_revision=self.revisions[name])
        news = views.answer(self.ctx, request)
        if news.full:
            self.known[name].clear()
        self.known[name].update((row.id, row) for row in news.neighbours)
        for gone in news.removed.neighbours:
            self.known[name].pop(gone, None)
        self.revisions[name] = news.revision

    def settle(self, name):
        """Ask once more, when nothing happens any more; what is known must now be what is there."""
        self.sync(name)
        whole = views.answer(self.ctx, rpc.HostChangesRequest(host=name))
        assert self.known[name] == {row.id: row for row in whole.neighbours}


def slip_in(db, number, act):
    """Have another thread do something right before a query, counted from now; tells how many there were.

    What would wait for the transaction that asks (SQLite has one writer) is not done.
    """
    asking, asked = threading.get_ident(), []

    @event.listens_for(db.engine, "before_cursor_execute")
    def before(connection, cursor, statement, *more):
        if threading.get_ident() != asking:
            return
        asked.append(statement)
        if len(asked) == number and not getattr(db._writing, "locked", bool)():
            other = threading.Thread(target=act)
            other.start()
            other.join()

    return asked, lambda: event.remove(db.engine, "before_cursor_execute", before)


@pytest.mark.parametrize("what", ["left", "came back"])
def test_nothing_slips_through_an_answer(ctx, what):
    """A host's own port went (and another came); before each query of its next answer, another host's do."""
    hood = Neighbourhood(ctx, "host-a", "host-b")
    network = make_network(ctx)
    make_subnet(ctx, network)
    number, queries = 0, 1
    while number < queries:
        number += 1
        own = make_port(ctx, network, host="host-a")
        other = make_port(ctx, network, host="host-b")
        hood.sync("host-a")
        ports.delete(ctx, own)
        if what == "came back":
            hood.sync("host-a")
            make_port(ctx, network, host="host-a")

        def act(other=other):
            ports.delete(ctx, other)
            make_port(ctx, network, host="host-b")

        asked, stop = slip_in(ctx.db, number, act)
        hood.sync("host-a")
        stop()
        queries = len(asked)
        hood.settle("host-a")
        for port in ports.index(ctx, {"network_id": [network.id]}, Page()):
            if port.is_guests:
                ports.delete(ctx, port)
    assert queries > 5


def test_hosts_miss_nothing_while_many_write(ctx):
    """Ports come and go in four threads while two hosts keep asking; in the end both know what is there."""
    names = ("host-a", "host-b")
    hood = Neighbourhood(ctx, *names)
    network = make_network(ctx)
    make_subnet(ctx, network)
    done = threading.Event()

    def act(number):
        if number < 2:
            while not done.is_set():
                hood.sync(names[number])
            return
        try:
            for turn in range(8):
                port = make_port(ctx, network, host=names[turn % 2], project_id=f"p{number}")
                if turn % 3 == 0:
                    ports.delete(ctx, port)
                elif turn % 3 == 1:
                    ports.update(ctx, port, {"host": names[(turn + 1) % 2]})
        finally:
            if number == 2:
                writers.wait()
                done.set()
            else:
                writers.wait()

    writers = threading.Barrier(2)
    at_once(4, act)
    for name in names:
        hood.settle(name)
        assert hood.known[name]
