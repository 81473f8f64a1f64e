"""Servers: making, finding, changing and deleting them, as far as the paper goes.

What a request wants is checked with the other services first, outside any transaction; then one
transaction counts the quota and writes rows, actions and workflows together.  Everything that touches the
world happens in `tasks`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from nacre.kernel import errors, tasks
from nacre.kernel.context import Context
from nacre.kernel.db import Page, Transaction
from nacre.kernel.errors import BadRequest, Forbidden, OverQuota
from nacre.kernel.ids import new_id
from nacre.services.compute import policy, rpc
from nacre.services.compute.app import (
    actions,
    flavors,
    images,
    jobs,
    limits,
    name_patterns,
    names,
    nics,
    states,
    zones,
)
from nacre.services.compute.db import actions as action_rows
from nacre.services.compute.db import groups, hosts, keypairs, labels
from nacre.services.compute.db import nics as nic_rows
from nacre.services.compute.db import servers as rows
from nacre.services.compute.db.actions import Fault
from nacre.services.compute.db.groups import Group
from nacre.services.compute.db.hosts import Host
from nacre.services.compute.db.nics import Nic
from nacre.services.compute.db.servers import Server, Wanted
from nacre.services.compute.db.tables import NetworkWish, TaskState, VmState
from nacre.services.compute.errors import GroupNotFound, KeyNameInvalid, ServerNotFound

SERVERS = "instances"
PASSWORD_EVENT = "compute_set_admin_password"
NOTHING_TO_BOOT = (
    "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping "
    "combination is not valid: there is no image to boot from."
)
CHUNK = 500  # how many servers are read at once where names are matched by a pattern


class Details(msgspec.Struct, frozen=True):
    """A server with everything around it that an answer may show."""

    server: Server
    nics: list[Nic]
    metadata: dict[str, str]
    tags: list[str]
    fault: Fault | None
    host: Host | None
    group_id: str | None = None

    @property
    def id(self) -> str:
        return self.server.id

    @property
    def project_id(self) -> str:
        return self.server.project_id

    @property
    def user_id(self) -> str:
        return self.server.user_id


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for when servers are to be made."""

    name: str
    flavor_id: str
    image_id: str | None
    networks: str | list[NetworkWish] | None = None
    description: str | None = None
    hostname: str | None = None
    key_name: str | None = None
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    user_data: str | None = None
    config_drive: bool = False
    availability_zone: str | None = None
    host: str | None = None
    hypervisor_hostname: str | None = None
    hints: dict[str, Any] = {}
    min_count: int = 1
    max_count: int = 1
    admin_password: str | None = None
    files: dict[str, str] = {}
    disk_config: str | None = None
    access_ipv4: str | None = None
    access_ipv6: str | None = None


# --- finding ----------------------------------------------------------------------------------------


def get(ctx: Context, server_id: str) -> Server:
    """Return a server that the caller may see; raises ServerNotFound."""
    return _visible(ctx, ctx.db.read(rows.get, server_id))


def get_even_deleted(ctx: Context, server_id: str) -> Server:
    """The same, for what may still be asked of a server that is gone."""
    return _visible(ctx, ctx.db.read(rows.get, server_id, deleted=True))


def _visible(ctx: Context, server: Server) -> Server:
    if server.project_id != ctx.project_id and not ctx.is_admin and not ctx.can(policy.SHOW, server):
        raise ServerNotFound(server.id)
    return server


def index(ctx: Context, wanted: Wanted, page: Page) -> list[Server]:
    """Return one page of servers.  A name with marks of a regular expression is matched as one."""
    if wanted.name is None or name_patterns.is_plain(wanted.name):
        return ctx.db.read(rows.index, wanted, page)
    try:
        pattern = name_patterns.read(wanted.name)
    except name_patterns.BadPattern:
        return ctx.db.read(rows.index, wanted, page)
    wanted = msgspec.structs.replace(wanted, name=None)
    found: list[Server] = []
    limit = page.limit if page.limit is not None else ctx.config.max_list
    while len(found) < limit:
        chunk = ctx.db.read(rows.index, wanted, msgspec.structs.replace(page, limit=CHUNK))
        found += [server for server in chunk if pattern.matches(server.name)]
        if len(chunk) < CHUNK:
            break
        page = msgspec.structs.replace(page, marker=chunk[-1].id)
    return found[:limit]


def details(ctx: Context, servers: Sequence[Server], *, with_groups: bool = False) -> list[Details]:
    """Return servers with what is around them, in the same order; half a dozen queries for all."""
    return ctx.db.read(_details, list(servers), with_groups=with_groups)


def _details(tx: Transaction, servers: Collection[Server], *, with_groups: bool) -> list[Details]:
    ids = [server.id for server in servers]
    if not ids:
        return []
    cards, metadata, tags = nic_rows.of_servers(tx, ids), labels.metadata_of(tx, ids), labels.tags_of(tx, ids)
    broken = [each.id for each in servers if states.status(each) in states.SHOW_FAULT]
    faults = action_rows.latest_faults(tx, broken)
    known = hosts.several(tx, {each.host for each in servers if each.host})
    found = []
    for server in servers:
        group = groups.of_server(tx, server.id) if with_groups else None
        found.append(
            Details(
                server,
                cards[server.id],
                metadata[server.id],
                tags[server.id],
                faults.get(server.id),
                known.get(server.host or ""),
                group.id if group else None,
            )
        )
    return found


# --- making -----------------------------------------------------------------------------------------


def create(ctx: Context, request: Request) -> tuple[list[Server], str]:
    """Write down that servers are to be made; return them and the administrator's password.

    Raises what is wrong with the request: BadReference, Conflict, Forbidden, QuotaExceeded.
    """
    model, group = _prepare(ctx, request)
    password = request.admin_password or names.password()
    made = []
    for number in range(1, request.max_count + 1):
        server_id = new_id()
        name = names.numbered(request.name, number, request.max_count)
        hostname = names.numbered(request.hostname, number, request.max_count) if request.hostname else None
        made.append(
            msgspec.structs.replace(
                model,
                id=server_id,
                name=name,
                hostname=hostname or names.hostname(name, server_id),
                launch_index=number - 1,
                admin_password=password,
            )
        )
    return ctx.db.run(_insert, ctx, request, made, group), password


def _prepare(ctx: Context, request: Request) -> tuple[Server, Group | None]:
    """Check everything that a request names; return a server that all the new ones are copies of."""
    if request.min_count > request.max_count:
        raise BadRequest("min_count must be <= max_count")
    flavor = flavors.for_new_server(ctx, request.flavor_id)
    if request.image_id is None:
        raise BadRequest(NOTHING_TO_BOOT)
    image = images.for_server(ctx, request.image_id, flavor)
    if flavor.root_gb == 0 and not ctx.can(policy.CREATE_ZERO_DISK):
        raise Forbidden("Only volume-backed servers are allowed for flavors with zero disk.")
    key = None
    if request.key_name is not None:
        key = ctx.db.read(keypairs.find, ctx.user_id, request.key_name)
        if key is None:
            raise KeyNameInvalid()
    check_files(ctx, request.files)
    zone = zones.requested(ctx, request.availability_zone, request.host, request.hypervisor_hostname)
    group_names = list(dict.fromkeys(request.security_groups)) or [nics.DEFAULT_GROUP]
    nics.check_groups(ctx, group_names)
    wishes = nics.plan(ctx, request.networks, several=request.max_count > 1)
    now = ctx.clock.now()
    drive = request.config_drive or ctx.config.force_config_drive or bool(request.files)
    server = Server(
        id="",
        name="",
        hostname="",
        project_id=str(ctx.project_id),
        user_id=ctx.user_id,
        description=request.description,
        flavor_id=flavor.id,
        flavor=flavor,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        image_id=image.id,
        image=image,
        key_name=key.name if key else None,
        public_key=key.public_key if key else None,
        key_type=key.type if key else None,
        user_data=request.user_data,
        config_drive=drive or image.properties.get("img_config_drive") == "mandatory",
        injected_files=request.files or None,
        network_wishes=wishes,
        security_groups=group_names,
        scheduler_hints=request.hints,
        pinned_zone=zone.zone,
        wanted_host=zone.host,
        wanted_hypervisor=zone.hypervisor_hostname,
        host_forced=zone.forced,
        reservation_id=names.reservation_id(),
        disk_config=_disk_config(request.disk_config, image.properties),
        access_ipv4=request.access_ipv4,
        access_ipv6=request.access_ipv6,
        task_state=TaskState.SCHEDULING,
        created_at=now,
        updated_at=now,
    )
    return server, _group(ctx, request.hints.get("group"))


def _disk_config(asked: str | None, properties: dict[str, str]) -> str:
    automatic = properties.get("auto_disk_config", "true").lower() in ("true", "1", "yes")
    if asked == "AUTO" and not automatic:
        raise BadRequest("Requested image has automatic disk resize disabled.")
    return asked or "MANUAL"


def check_files(ctx: Context, files: dict[str, str]) -> None:
    allowed = limits.defaults(ctx.config)
    if len(files) > allowed["injected_files"] >= 0:
        raise OverQuota("Personality file limit exceeded.")
    for path, content in files.items():
        if len(path.encode()) > allowed["injected_file_path_bytes"] >= 0:
            raise OverQuota("Personality file path exceeds maximum length.")
        if len(content) * 3 // 4 > allowed["injected_file_content_bytes"] + 2 > 2:
            raise OverQuota("Personality file content exceeds maximum size.")


def _group(ctx: Context, group_id: Any) -> Group | None:
    if group_id is None:
        return None
    group = ctx.db.read(groups.find, str(group_id))
    if group is None or (group.project_id != ctx.project_id and not ctx.is_admin):
        raise GroupNotFound(str(group_id))
    return group


def _insert(
    tx: Transaction, ctx: Context, request: Request, made: list[Server], group: Group | None
) -> list[Server]:
    """Count the quota, then write servers, actions and workflows; fewer than asked where that will do."""
    first = made[0]
    wanted = {"metadata_items": len(request.metadata)}
    allowed = limits.of(tx, ctx, first.project_id)
    if wanted["metadata_items"] > allowed["metadata_items"] >= 0:
        raise OverQuota(
            f"Maximum number of metadata items exceeds {allowed['metadata_items']}"
        )  # compat: the limit counts within one server, not in the project (nova, MetadataLimitExceeded)
    made = _as_many_as_quota_allows(tx, ctx, made, at_least=request.min_count)
    if group is not None:
        groups.lock(tx, group.id)
        if groups.member_count(tx, group.id) + len(made) > allowed["server_group_members"] >= 0:
            raise OverQuota("Quota exceeded, too many servers in group")
    for server in made:
        rows.insert(
            tx, server, metadata=request.metadata, tags=request.tags, group_id=group.id if group else None
        )
        actions.note(tx, ctx, server, "create")
        tasks.start(tx, jobs.BUILD, jobs.ServerBuild(server.id), resource=jobs.of(server.id), ctx=ctx)
    return made


def _as_many_as_quota_allows(
    tx: Transaction, ctx: Context, made: list[Server], *, at_least: int
) -> list[Server]:
    """Return as many as the quota has room for; raises QuotaExceeded below `at_least`."""
    first = made[0]
    while True:
        count = len(made)
        try:
            limits.enforce(
                tx,
                ctx,
                first.project_id,
                {SERVERS: count, "cores": count * first.vcpus, "ram": count * first.memory_mb},
            )
        except OverQuota:
            if count <= at_least:
                raise
            made = made[:-1]
        else:
            return made


# --- changing ---------------------------------------------------------------------------------------


def update(ctx: Context, server: Server, changes: dict[str, Any]) -> Server:
    """Change what is only paper: name, description, addresses, hostname."""
    if changes:
        ctx.db.run(rows.update, server.id, **changes)
    return ctx.db.read(rows.get, server.id)


def begin(
    tx: Transaction, ctx: Context, server_id: str, operation: states.Operation, **values: Any
) -> Server:
    """Check that an operation may begin, set its task, and note the action; return the server before.

    In the same transaction the caller starts the workflow.  Raises WrongState and ServerIsLocked.
    """
    server = rows.lock(tx, server_id)
    states.check(ctx, server, operation)
    changes = {**values}
    if operation.sets is not None:
        changes["task_state"] = operation.sets
    if changes:
        rows.update(tx, server.id, **changes)
    if operation.records is not None:
        actions.note(tx, ctx, server, operation.records)
    return server


def advance(tx: Transaction, server_id: str, task: TaskState) -> None:
    """Note how far the work on a server is, unless somebody wants it deleted meanwhile."""
    if rows.lock(tx, server_id).task_state is not TaskState.DELETING:
        rows.update(tx, server_id, task_state=task)


def delete(ctx: Context, server: Server, *, force: bool = False) -> None:
    """Write down that a server is to be removed; whatever is being done with it is called off.

    Asking again while that is under way changes nothing.
    """

    def write(tx: Transaction) -> None:
        present = rows.lock(tx, server.id)
        states.check(ctx, present, states.DELETE)
        if present.task_state is TaskState.DELETING and not force:
            return
        rows.update(tx, server.id, task_state=TaskState.DELETING)
        actions.note(tx, ctx, present, "forceDelete" if force else "delete")
        resource = jobs.of(server.id)
        tasks.cancel(tx, resource)
        tasks.start(tx, jobs.DELETE, jobs.ServerDelete(server.id), resource=resource, ctx=ctx)

    ctx.db.run(write)


def lock(ctx: Context, server: Server, reason: str | None) -> None:
    """Keep everybody but administrators from changing a server."""
    by = "owner" if server.project_id == ctx.project_id else "admin"

    def write(tx: Transaction) -> None:
        rows.update(tx, server.id, locked=True, locked_by=by, locked_reason=reason)
        actions.note(tx, ctx, server, "lock")

    ctx.db.run(write)


def unlock(ctx: Context, server: Server) -> None:
    """Let a server be changed again."""

    def write(tx: Transaction) -> None:
        rows.update(tx, server.id, locked=False, locked_by=None, locked_reason=None)
        actions.note(tx, ctx, server, "unlock")

    ctx.db.run(write)


def change_password(ctx: Context, server: Server, password: str) -> None:
    """Set the password of the guest's administrator, through the guest's own agent.

    It is passed on at once and never written down.
    """

    def write(tx: Transaction) -> Server:
        present = begin(tx, ctx, server.id, states.CHANGE_PASSWORD)
        actions.begin(tx, ctx, server.id, PASSWORD_EVENT, present.host)
        return present

    host = states.host_of(ctx.db.run(write))
    message = rpc.SetPassword(command_id=new_id(), server_id=server.id, password=password)
    try:
        ctx.bus.call(rpc.host_topic(host), rpc.SET_PASSWORD, message)
    except errors.NacreError as error:
        ctx.db.run(actions.end, ctx, server.id, PASSWORD_EVENT, failure=error.message)
        raise errors.Conflict(f"The password cannot be set: {error.message}") from error
    ctx.db.run(actions.end, ctx, server.id, PASSWORD_EVENT)


def reset_state(ctx: Context, server: Server, state: VmState) -> None:
    """Set a server's state, for an administrator who knows better; no task is left."""

    def write(tx: Transaction) -> None:
        rows.update(tx, server.id, vm_state=state, task_state=None)
        actions.note(tx, ctx, server, "resetState")

    ctx.db.run(write)


def refuse(
    tx: Transaction, server_id: str, error: errors.NacreError | str, detail: str | None, code: int
) -> None:
    """Put a server into ERROR with the reason; its task is over."""
    message = error if isinstance(error, str) else error.message
    rows.update(tx, server_id, vm_state=VmState.ERROR, task_state=None)
    action_rows.add_fault(tx, server_id, code, message, detail)
