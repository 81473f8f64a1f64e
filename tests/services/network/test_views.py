"""What hosts are told: whoever applies changes, whenever it asks, knows what a newcomer is told at once."""

import random

import pytest

from nacre.services.network import rpc
from nacre.services.network.app import wakes


@pytest.fixture
def network(api):
    """A network without DHCP, so that nobody but its guests' hosts carries it."""
    network = api.make("networks")
    api.make("subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24", enable_dhcp=False)
    return network


@pytest.fixture
def bind(admin_api, network):
    """Return the function that makes a port on a host."""

    def bind(host, network_id=None, **members):
        return admin_api.make(
            "ports", network_id=network_id or network["id"], binding__host_id=host.name if host else "",
            device_owner="compute:nova", project_id=network["project_id"], **members,
        )  # fmt: skip

    return bind


def test_a_first_answer_is_whole_and_a_second_one_is_empty(bind, make_host):
    host = make_host()
    port = bind(host)
    first = host.sync()
    assert first.full
    assert [each.id for each in first.ports] == [port["id"]]
    second = host.sync()
    assert not second.full
    assert (second.networks, second.ports, second.neighbours, second.removed) == ((), (), (), rpc.Removed())


def test_a_new_port_costs_its_rows_and_wakes_who_has_a_stake(bind, make_host, api):
    one, other, bystander = make_host(), make_host(), make_host()
    bind(one), bind(other)
    elsewhere = api.make("networks")
    for host in (one, other, bystander):
        host.sync()
        host.wakes = 0
    port = bind(one)
    one.await_wake(), other.await_wake()
    assert bystander.wakes == 0
    news = other.sync()
    assert [each.id for each in news.neighbours] == [port["id"]]
    assert news.ports == news.networks == ()
    assert elsewhere["id"] not in other.rows["networks"]
    one.sync()
    for host in (one, other, bystander):
        host.assert_whole()


def test_many_neighbours_are_told_at_leisure_and_once(bind, make_host, cloud, monkeypatch):
    """What a port costs must not grow with the hosts of its network."""
    monkeypatch.setattr(wakes, "SECONDS_PER_HOST", 1.0)
    one, *others = hosts = [make_host() for _ in range(5)]
    for host in hosts:
        bind(host)
        host.sync()
    cloud.clock.turn(seconds=60)  # nobody counts as told any more
    sent = []

    def cast(topic, method, message):
        if method is rpc.WAKE:
            sent.append((topic, message.patience_seconds))

    monkeypatch.setattr(cloud.process.bus, "cast", cast)
    for _ in range(5):
        bind(one)
    at_leisure = [(rpc.host_topic(host.name), 4.0) for host in others]
    assert sorted(each for each in sent if each[1]) == sorted(at_leisure)
    assert {topic for topic, pause in sent if not pause} == {rpc.host_topic(one.name)}
    sent.clear()
    cloud.clock.turn(seconds=60)
    bind(one)
    assert sorted(each for each in sent if each[1]) == sorted(at_leisure)
    for host in hosts:
        host.sync()
        host.assert_whole()


def test_hosts_of_other_networks_that_are_to_look_lengthen_the_pause(
    api, bind, make_host, cloud, monkeypatch
):
    """How many questions a second come of all networks together does not grow with their number."""
    monkeypatch.setattr(wakes, "SECONDS_PER_HOST", 1.0)
    second = api.make("networks")
    api.make("subnets", network_id=second["id"], ip_version=4, cidr="10.0.1.0/24", enable_dhcp=False)
    here, there = [make_host() for _ in range(3)], [make_host() for _ in range(3)]
    for host in here:
        bind(host, security_groups=[])
    for host in there:
        bind(host, second["id"], security_groups=[])
    cloud.clock.turn(seconds=60)
    pauses = []

    def cast(topic, method, message):
        if method is rpc.WAKE and message.patience_seconds:
            pauses.append(message.patience_seconds)

    monkeypatch.setattr(cloud.process.bus, "cast", cast)
    bind(here[0], security_groups=[])
    bind(there[0], second["id"], security_groups=[])
    assert pauses == [2.0, 2.0, 4.0, 4.0]


def test_tunnels_lead_to_every_other_host_of_a_network(bind, make_host, network):
    one, other = make_host(tunnel_ip="127.0.1.1"), make_host(tunnel_ip="127.0.1.2")
    bind(one)
    far = bind(other)
    one.sync()
    assert one.rows["networks"][network["id"]].tunnel_peers == ("127.0.1.2",)
    assert one.rows["neighbours"][far["id"]].tunnel_ip == "127.0.1.2"
    other.facts["tunnel_ip"] = "127.0.1.3"
    other.beat()
    one.sync()
    assert one.rows["networks"][network["id"]].tunnel_peers == ("127.0.1.3",)
    assert one.rows["neighbours"][far["id"]].tunnel_ip == "127.0.1.3"


def test_the_last_port_takes_the_network_and_its_neighbours_along(bind, make_host, admin_api, network):
    one, other = make_host(capabilities=("vxlan",)), make_host(capabilities=("vxlan",))
    mine, theirs = bind(one), bind(other)
    one.sync()
    assert set(one.rows["neighbours"]) == {mine["id"], theirs["id"]}
    admin_api.remove("ports", mine["id"])
    news = one.sync()
    assert not news.full
    assert news.removed.networks == (network["id"],)
    assert set(news.removed.neighbours) == {mine["id"], theirs["id"]}
    one.assert_whole()


def test_members_of_remote_groups_are_told_wherever_they_are(bind, make_host, api, admin_api, network):
    host, far = make_host(capabilities=()), make_host(capabilities=())
    flat = admin_api.make("networks", provider__network_type="local", project_id=network["project_id"])
    admin_api.make(
        "subnets", network_id=flat["id"], ip_version=4, cidr="10.7.0.0/24", project_id=network["project_id"]
    )
    web, db = api.make("security-groups", name="web"), api.make("security-groups", name="db")
    api.make(
        "security-group-rules", security_group_id=db["id"], direction="ingress", remote_group_id=web["id"]
    )
    bind(host, flat["id"], security_groups=[db["id"]])
    host.sync()
    assert web["id"] not in host.rows["security_groups"]
    member = bind(far, flat["id"], security_groups=[web["id"]])
    host.sync()
    assert member["id"] in host.rows["neighbours"]
    admin_api.change("ports", member["id"], security_groups=[db["id"]])
    host.sync()
    assert member["id"] not in host.rows["neighbours"]
    host.assert_whole()
    api.remove("security-groups", web["id"])
    host.sync()
    assert not [rule for rule in host.rows["security_groups"][db["id"]].rules if rule.remote_group_id]
    host.assert_whole()


def test_an_answer_that_was_lost_is_given_again(bind, make_host):
    host = make_host()
    host.sync()
    port = bind(host)
    lost = host.ask()
    again = host.ask()
    assert port["id"] in {each.id for each in lost.ports} & {each.id for each in again.ports}
    assert {each.id for each in again.neighbours} == {each.id for each in lost.neighbours}
    host.sync()
    host.assert_whole()


def test_a_host_from_another_life_of_the_cloud_is_told_everything(bind, make_host):
    host = make_host()
    bind(host)
    host.sync()
    host.revision += 1000
    assert host.sync().full


def test_a_host_that_was_forgotten_is_told_everything_though_nothing_has_changed(bind, make_host, admin_api):
    host = make_host()
    bind(host)
    host.sync()
    assert not host.sync().full
    for agent in admin_api.list("agents", host=host.name):
        admin_api.remove("agents", agent["id"])
    host.beat()
    assert host.sync().full


def test_what_was_read_while_it_was_written_is_told_again(cloud, bind, make_host):
    """A change gets its revision only when somebody asks; until then nobody has heard everything."""
    host, other = make_host(), make_host()
    bind(host), bind(other)
    host.sync(), other.sync(), host.sync()
    port = bind(other)
    assert port["id"] in {each.id for each in host.sync().neighbours}
    host.sync()
    host.assert_whole()


def test_what_the_log_has_forgotten_is_told_whole(cloud, bind, make_host):
    from nacre.services.network.tasks.changes_prune import prune

    host = make_host()
    bind(host)
    host.sync()
    bind(host)
    make_host().ask()  # somebody asks, so that the change gets its revision
    cloud.clock.turn(hours=12)
    host.beat()
    prune(cloud.process.services["network"].background_context())
    assert host.sync().full
    assert not host.sync().full


def test_any_history_leads_to_the_same_view(api, admin_api, make_host, network):
    """Three hosts ask now and then while ports, groups and routers come, move, change and go."""
    chance = random.Random(4711)
    hosts = [make_host(tunnel_ip=f"127.0.2.{n}") for n in range(3)]
    project = {"project_id": network["project_id"]}
    nets = [network["id"]]
    for n in range(2):
        net = api.make("networks")
        api.make("subnets", network_id=net["id"], ip_version=4, cidr=f"10.{20 + n}.0.0/24")
        nets.append(net["id"])
    groups = [api.make("security-groups", name=f"g{n}")["id"] for n in range(3)]
    router = api.make("routers")["id"]
    ports, legs, rules = [], [], []

    def make_port():
        host = chance.choice([*hosts, None])
        port = admin_api.make(
            "ports", network_id=chance.choice(nets), binding__host_id=host.name if host else "",
            device_owner="compute:nova", security_groups=chance.sample(groups, 2), **project,
        )  # fmt: skip
        ports.append(port["id"])

    def move_port():
        if ports:
            host = chance.choice([*hosts, None])
            admin_api.change("ports", chance.choice(ports), binding__host_id=host.name if host else "")

    def regroup_port():
        if ports:
            admin_api.change("ports", chance.choice(ports), security_groups=chance.sample(groups, 1))

    def remove_port():
        if ports:
            admin_api.remove("ports", ports.pop(chance.randrange(len(ports))))

    def change_rules():
        if rules and chance.random() < 0.5:
            api.remove("security-group-rules", rules.pop())
            return
        made = api.ask("POST", "security-group-rules", {"security_group_rule": {
            "security_group_id": chance.choice(groups), "remote_group_id": chance.choice(groups),
            "direction": "ingress", "protocol": "tcp", "port_range_min": chance.randint(1, 9), "port_range_max": 9,
        }})  # fmt: skip
        if made.status == 201:
            rules.append(made.json["security_group_rule"]["id"])

    def change_router():
        if legs and chance.random() < 0.5:
            path = f"routers/{router}/remove_router_interface"
            assert api.ask("PUT", path, {"subnet_id": legs.pop()}).status == 200
            return
        subnet = api.show("networks", chance.choice(nets))["subnets"][0]
        if api.ask("PUT", f"routers/{router}/add_router_interface", {"subnet_id": subnet}).status == 200:
            legs.append(subnet)

    acts = [make_port, make_port, move_port, regroup_port, remove_port, change_rules, change_router]
    for turn in range(150):
        chance.choice(acts)()
        for host in hosts:
            if chance.random() < 0.3:
                host.sync() if chance.random() < 0.8 else host.ask()  # some answers are lost
        if turn % 25 == 24:
            for host in hosts:
                host.sync()
                host.assert_whole()
