"""Subnet pools: hand out ranges for subnets, so that no two of a pool (or of its address scope) overlap."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.services.network.app import limits
from nacre.services.network.app.news import News, write
from nacre.services.network.app.sight import reach
from nacre.services.network.db import rbac, standard, subnet_pools, subnets
from nacre.services.network.db.subnet_pools import POOL, SubnetPool
from nacre.services.network.errors import (
    AddressScopePrefixConflict,
    IllegalSubnetPoolPrefixUpdate,
    InvalidInput,
    SubnetAllocationError,
    SubnetPoolInUse,
    SubnetPoolNotFound,
    SubnetPoolQuotaExceeded,
)

Net = IPv4Network | IPv6Network
SHORTEST = {4: 8, 6: 64}
LONGEST = {4: 32, 6: 128}


def get(ctx: Context, pool_id: str) -> SubnetPool:
    """Return a subnet pool that the caller may see."""
    return ctx.db.read(subnet_pools.get, pool_id, reach(ctx))


def index(ctx: Context, wanted: standard.Wanted, page: Page) -> list[SubnetPool]:
    """Return subnet pools that the caller may see."""
    return ctx.db.read(subnet_pools.index, reach(ctx), wanted, page)


def create(ctx: Context, bodies: Sequence[dict[str, Any]]) -> list[SubnetPool]:
    """Make subnet pools, all or none."""
    return write(ctx, _create, bodies)


def _create(tx: Transaction, news: News, bodies: Sequence[dict[str, Any]]) -> list[SubnetPool]:
    made = []
    for body in bodies:
        limits.enforce(tx, news.ctx, body["project_id"], {"subnetpool": 1})
        nets = _parse(body["prefixes"])
        version = nets[0].version
        shortest = body.get("min_prefixlen") or SHORTEST[version]
        longest = body.get("max_prefixlen") or LONGEST[version]
        usual = body.get("default_prefixlen") or shortest
        _check_lengths(version, shortest, usual, longest)
        if body.get("address_scope_id"):
            _join_scope(tx, news, body["address_scope_id"], nets, None)
        if body["is_default"] and subnet_pools.default(tx, version):
            raise InvalidInput(f"A default subnetpool for IPv{version} has already been set")
        row = {
            **standard.new_row(tx, body["project_id"], body["description"]),
            "name": body["name"], "ip_version": version, "prefixes": _texts(nets),
            "default_prefixlen": usual, "min_prefixlen": shortest, "max_prefixlen": longest,
            "default_quota": body.get("default_quota"), "shared": body["shared"],
            "is_default": body["is_default"], "address_scope_id": body.get("address_scope_id"),
        }  # fmt: skip
        subnet_pools.insert(tx, row)
        if body["shared"]:
            rbac.grant(tx, POOL, row["id"], rbac.SHARED, owner=row["project_id"])
        standard.set_tags(tx, row["id"], body.get("tags", ()))
        made.append(subnet_pools.get(tx, row["id"]))
    return made


def _parse(prefixes: Iterable[str]) -> list[Net]:
    nets = [ip_network(prefix, strict=False) for prefix in prefixes]
    if not nets:
        raise InvalidInput("Empty subnet pool prefix list")
    if len({net.version for net in nets}) > 1:
        raise InvalidInput("Cannot mix IPv4 and IPv6 prefixes in a subnet pool")
    return list(collapse_addresses(nets))  # type: ignore[type-var]


def _texts(nets: Iterable[Net]) -> list[str]:
    return [str(net) for net in nets]


def _lies_within(net: Any, prefixes: Iterable[str]) -> bool:
    """Tell whether a range is part of one of these prefixes."""
    outer = (ip_network(prefix) for prefix in prefixes)
    return any(each.version == net.version and each.supernet_of(net) for each in outer)


def _check_lengths(version: int, shortest: int, usual: int, longest: int) -> None:
    if not shortest <= usual <= longest <= LONGEST[version]:
        raise InvalidInput(
            f"Illegal prefix bounds: min_prefixlen {shortest}, default_prefixlen {usual}, "
            f"max_prefixlen {longest}"
        )


def _join_scope(tx: Transaction, news: News, scope_id: str, nets: Sequence[Net], own: str | None) -> None:
    scope = subnet_pools.get_scope(tx, scope_id, reach(news.ctx))
    subnet_pools.lock_scope(tx, scope_id)
    if scope.ip_version != nets[0].version:
        raise InvalidInput(
            f"Illegal subnetpool association: subnetpool IPv{nets[0].version}, "
            f"address scope IPv{scope.ip_version}"
        )
    others = [pool for pool in subnet_pools.of_scope(tx, scope_id) if pool.id != own]
    taken = [ip_network(prefix) for pool in others for prefix in pool.prefixes]
    if any(net.overlaps(other) for net in nets for other in taken):
        raise AddressScopePrefixConflict()


def update(
    ctx: Context, pool: SubnetPool, changes: dict[str, Any], *, expected: int | None = None
) -> SubnetPool:
    """Change a subnet pool; prefixes may be added, and taken away where no subnet came from them."""
    return write(ctx, _update, pool.id, changes, expected)


def _update(
    tx: Transaction, news: News, pool_id: str, changes: dict[str, Any], expected: int | None
) -> SubnetPool:
    if not subnet_pools.lock(tx, pool_id, expected):
        raise SubnetPoolNotFound(pool_id)
    present = subnet_pools.get(tx, pool_id)
    changes = dict(changes)
    nets = _parse(present.prefixes)
    if "prefixes" in changes:
        nets = _parse(changes["prefixes"])
        if nets[0].version != present.ip_version:
            raise InvalidInput("Cannot change a subnet pool's IP version")
        for subnet in subnets.of_pool(tx, pool_id):
            if not _lies_within(subnet.net, _texts(nets)):
                raise IllegalSubnetPoolPrefixUpdate()
        changes["prefixes"] = _texts(nets)
    lengths = {
        name: changes.get(name) or getattr(present, name)
        for name in ("min_prefixlen", "default_prefixlen", "max_prefixlen")
    }
    _check_lengths(present.ip_version, *lengths.values())
    changes |= {name: value for name, value in lengths.items() if name in changes}
    scope_id = changes.get("address_scope_id", present.address_scope_id)
    if scope_id and (scope_id != present.address_scope_id or "prefixes" in changes):
        _join_scope(tx, news, scope_id, nets, pool_id)
    if changes.get("is_default") and not present.is_default and subnet_pools.default(tx, present.ip_version):
        raise InvalidInput(f"A default subnetpool for IPv{present.ip_version} has already been set")
    subnet_pools.update(tx, pool_id, changes)
    return subnet_pools.get(tx, pool_id)


def add_prefixes(ctx: Context, pool: SubnetPool, prefixes: Sequence[str]) -> SubnetPool:
    """Add ranges to a pool."""
    return update(ctx, pool, {"prefixes": [*pool.prefixes, *prefixes]})


def remove_prefixes(ctx: Context, pool: SubnetPool, prefixes: Sequence[str]) -> SubnetPool:
    """Take ranges away from a pool."""
    left: list[Net] = [ip_network(prefix) for prefix in pool.prefixes]
    for gone in (ip_network(prefix, strict=False) for prefix in prefixes):
        left = [piece for net in left for piece in _without(net, gone)]
    return update(ctx, pool, {"prefixes": _texts(left)})


def _without(net: Any, gone: Any) -> list[Net]:
    """Return what is left of a range when another is taken out of it."""
    if net.version != gone.version or not net.overlaps(gone):
        return [net]
    return [] if net.subnet_of(gone) else list(net.address_exclude(gone))


def delete(ctx: Context, pool: SubnetPool, *, expected: int | None = None) -> None:
    """Delete a subnet pool from which no subnet came."""
    ctx.db.run(_delete, pool.id, expected)


def _delete(tx: Transaction, pool_id: str, expected: int | None) -> None:
    if not subnet_pools.lock(tx, pool_id, expected):
        raise SubnetPoolNotFound(pool_id)
    if subnets.of_pool(tx, pool_id):
        raise SubnetPoolInUse(pool_id)
    subnet_pools.delete(tx, pool_id)


# --- handing out ranges -----------------------------------------------------------------------------------


def default_id(tx: Transaction, ip_version: int) -> str:
    """Return the pool that is used where none is named."""
    found = subnet_pools.default(tx, ip_version)
    if found is None:
        raise InvalidInput(f"No default subnetpool found for IPv{ip_version}")
    return found.id


def allocate(
    tx: Transaction,
    ctx: Context,
    pool_id: str,
    *,
    cidr: str | None,
    prefixlen: int | None,
    project_id: str,
) -> Net:
    """Return a free range of a pool: the very one that was named, or any of a length."""
    pool = subnet_pools.get(tx, pool_id, reach(ctx))
    subnet_pools.lock(tx, pool_id)
    taken = subnets.of_pool(tx, pool_id)
    wanted = ip_network(cidr, strict=False) if cidr else None
    length = wanted.prefixlen if wanted else prefixlen or pool.default_prefixlen
    for bound, limit, beyond in (
        ("minimum", pool.min_prefixlen, length < pool.min_prefixlen),
        ("maximum", pool.max_prefixlen, length > pool.max_prefixlen),
    ):
        if beyond:
            raise InvalidInput(
                f"Unable to allocate subnet with prefix length {length}, {bound} allowed prefix is {limit}"
            )
    if pool.default_quota is not None:
        _check_pool_quota(pool, length, [s.cidr for s in taken if s.project_id == project_id])
    used = [subnet.net for subnet in taken]
    if wanted is not None:
        if not _lies_within(wanted, pool.prefixes) or any(wanted.overlaps(other) for other in used):
            raise SubnetAllocationError("Cannot allocate requested subnet from the available set of prefixes")
        return wanted
    return _first_free([ip_network(prefix) for prefix in pool.prefixes], used, length)


def _first_free(prefixes: Sequence[Net], used: Sequence[Net], length: int) -> Net:
    """Return the lowest free range of a length, walking from one taken range to the next."""
    for prefix in sorted(prefixes, key=lambda net: int(net.network_address)):
        if prefix.prefixlen > length:
            continue
        size = 2 ** (prefix.max_prefixlen - length)
        start = int(prefix.network_address)
        inside = sorted(
            (net for net in used if net.overlaps(prefix)), key=lambda net: int(net.network_address)
        )
        for net in inside:
            if int(net.network_address) - start >= size:
                break
            after = int(net.network_address) + net.num_addresses
            start = max(start, -(-after // size) * size)
        if start + size <= int(prefix.network_address) + prefix.num_addresses:
            return type(prefix)((start, length))
    raise SubnetAllocationError(f"Insufficient prefix space to allocate subnet size /{length}")


def _check_pool_quota(pool: SubnetPool, length: int, own: Sequence[str]) -> None:
    """Refuse more than the pool gives a project: addresses for IPv4, networks of 64 bits for IPv6."""
    unit = 32 if pool.ip_version == 4 else 64
    used = sum(2 ** max(unit - ip_network(cidr).prefixlen, 0) for cidr in own)
    if used + 2 ** max(unit - length, 0) > (pool.default_quota or 0):
        raise SubnetPoolQuotaExceeded()
