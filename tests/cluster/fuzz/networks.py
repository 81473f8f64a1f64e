"""What clients do to networks, ports, routers, floating IPs and security groups."""

from __future__ import annotations

from typing import Any

from cluster.fuzz.person import Person, Thing

MOST = {"network": 2, "port": 3, "router": 2, "group": 2, "floating": 2}
TAKEN = 409


def usable(person: Person) -> Thing | None:
    """Choose a network that is known to have addresses."""
    network = person.some("network")
    return network if network is not None and "subnet" in network.facts else None


def begin(person: Person) -> None:
    """Make what everything else stands on: a network that a router joins to the outside."""
    while (network := usable(person)) is None:
        add_network(person)
    while person.some("router") is None:
        add_router(person)
    router = person.some("router")
    assert router is not None
    router.facts["main"] = network.facts["main"] = network.facts["used"] = True
    add_leg(person, router, network)


def add_network(person: Person) -> None:
    """Make a network with a subnet."""
    if len(person.things["network"]) >= MOST["network"]:
        return
    network = person.make("network", {}, expect=201)
    if network is None:
        return
    fields = {
        "network_id": network.id,
        "ip_version": 4,
        "cidr": f"10.{100 + person.random.randrange(99)}.0.0/24",
    }
    subnet = person.make("subnet", fields, expect=201, about=(network,))
    if subnet is None:
        person.unmake(network)
    else:
        network.facts["subnet"] = subnet


def delete_network(person: Person) -> None:
    """Delete one on which no server was ever to be; what has ports is kept by them."""
    network = person.some("network", certain=False)
    if network is not None and not network.facts.get("used"):
        answer = person.unmake(network, expect=(204, TAKEN))
        if answer.done and "subnet" in network.facts:
            person.forget(network.facts["subnet"])


def add_port(person: Person) -> None:
    """Make a port on one of the networks."""
    network = usable(person)
    if network is not None and len(person.things["port"]) < MOST["port"]:
        port = person.make("port", {"network_id": network.id}, expect=201, about=(network,))
        if port is not None:
            port.facts["network"] = network


def change_port(person: Person) -> None:
    """Change something that does not matter to anybody else."""
    port = person.some("port")
    if port is not None:
        words = f"changed {person.random.randrange(10**6)}"
        answer = person.ask(
            "PUT", "network", port.path, {"port": {"description": words}}, expect=(200,), about=(port,)
        )
        if answer.done and person.look(port)["description"] != words:
            person.complain(f"port {port.name} has forgotten {words!r}")


def delete_port(person: Person) -> None:
    """Delete a port that no server was ever promised."""
    port = person.some("port", certain=False)
    if port is not None and not port.facts.get("promised"):
        person.unmake(port)


def release_ports(person: Person) -> None:
    """Find the ports that have no server any more, once there is no server that could still want them."""
    if not person.things["server"] and not any(name.startswith("server-") for name in person.lost):
        for port in person.things["port"]:
            if not port.in_doubt:
                port.facts.pop("promised", None)


def add_router(person: Person) -> None:
    """Make a router to the outside."""
    if len(person.things["router"]) < MOST["router"]:
        gateway = {"network_id": person.facts["external"]}
        person.make("router", {"external_gateway_info": gateway}, expect=201)


def add_leg(person: Person, router: Thing, network: Thing) -> None:
    """Join a network to a router."""
    subnet, legs = network.facts["subnet"], router.facts.setdefault("legs", [])
    answer = person.ask(
        "PUT", "network", f"{router.path}/add_router_interface", {"subnet_id": subnet.id},
        expect=(200,), about=(router, network, subnet),
    )  # fmt: skip
    if answer.done:
        legs.append(network)
        network.facts["joined"] = True
    elif not answer.known:
        network.facts["joined"] = True


def change_legs(person: Person) -> None:
    """Join a network to a router that is not the main one, or part them."""
    router, network = person.some("router"), usable(person)
    if router is None or router.facts.get("main"):
        return
    legs: list[Thing] = router.facts.setdefault("legs", [])
    if legs:
        old = legs[0]
        # An earlier request may have been done, and its answer lost.
        in_doubt = old.facts.pop("parting", False)
        answer = person.ask(
            "PUT", "network", f"{router.path}/remove_router_interface", {"subnet_id": old.facts["subnet"].id},
            expect=(200, 404) if in_doubt else (200,), about=(router, old),
        )  # fmt: skip
        if answer.done or (in_doubt and answer.status == 404):
            legs.remove(old)
            old.facts.pop("joined", None)
        else:
            old.facts["parting"] = in_doubt or not answer.known
    elif network is not None and not network.facts.get("joined"):
        add_leg(person, router, network)


def change_gateway(person: Person) -> None:
    """Cut a router off from the outside, or join it again."""
    router = person.some("router")
    if router is None or router.facts.get("main"):
        return
    seen = person.look(router)
    if seen is not None:
        joined = seen["external_gateway_info"] is not None
        wish = None if joined else {"network_id": person.facts["external"]}
        body = {"router": {"external_gateway_info": wish}}
        person.ask("PUT", "network", router.path, body, expect=(200,), about=(router,))


def delete_router(person: Person) -> None:
    """Delete a router that has no legs."""
    router = person.some("router", certain=False)
    if router is not None and not router.facts.get("main") and not router.facts.get("legs"):
        expect = (204,) if "legs" not in router.facts else (204, TAKEN)
        person.unmake(router, expect=expect)


def add_floating_ip(person: Person) -> None:
    """Take an address of the outside."""
    if len(person.things["floating"]) < MOST["floating"]:
        person.make("floating", {"floating_network_id": person.facts["external"]}, expect=201)


def move_floating_ip(person: Person) -> None:
    """Have a floating IP lead to a port of the main network, or nowhere."""
    floating = person.some("floating")
    seen = person.look(floating) if floating else None
    if floating is None or seen is None:
        return
    port, about = _port_without(person, floating) if person.chance(0.8) else None, [floating]
    if port is not None:
        about.append(port)
    body = {"floatingip": {"port_id": port.id if port else None}}
    answer = person.ask("PUT", "network", floating.path, body, expect=(200,), about=about)
    for each in person.things["port"]:
        if answer.done and each.facts.get("floating") is floating:
            del each.facts["floating"]
    if port is not None and (answer.done or not answer.known):
        port.facts["floating"] = floating


def _port_without(person: Person, floating: Thing) -> Thing | None:
    ports = [
        each
        for each in person.things["port"]
        if not each.in_doubt
        and each.facts.get("network") is not None
        and each.facts["network"].facts.get("main")
        and each.facts.get("floating", floating) is floating
    ]
    return person.random.choice(ports) if ports else None


def delete_floating_ip(person: Person) -> None:
    """Give an address back."""
    floating = person.some("floating", certain=False)
    if floating is not None and person.unmake(floating).done:
        for port in person.things["port"]:
            if port.facts.get("floating") is floating:
                del port.facts["floating"]


def add_group(person: Person) -> None:
    """Make a security group."""
    if len(person.things["group"]) < MOST["group"]:
        person.make("group", {}, expect=201)


def change_group(person: Person) -> None:
    """Let one more thing in, or one less."""
    group = person.some("group")
    seen = person.look(group) if group else None
    if group is None or seen is None:
        return
    inward = [each for each in seen["security_group_rules"] if each["direction"] == "ingress"]
    if inward and person.chance(0.5):
        path = f"/v2.0/security-group-rules/{inward[0]['id']}"
        person.ask("DELETE", "network", path, expect=(204,), about=(group,))
        return
    ports = {each["port_range_min"] for each in inward}
    port = next(number for number in range(22, 100) if number not in ports)
    rule: dict[str, Any] = {
        "security_group_id": group.id, "direction": "ingress", "protocol": "tcp",
        "port_range_min": port, "port_range_max": port,
    }  # fmt: skip
    body = {"security_group_rule": rule}
    person.ask("POST", "network", "/v2.0/security-group-rules", body, expect=(201,), about=(group,))


def delete_group(person: Person) -> None:
    """Delete a group, unless it is used."""
    group = person.some("group", certain=False)
    if group is not None:
        person.unmake(group, expect=(204, TAKEN))
