"""What each command means: which driver call does it, and what it changes in the spec once it is done.

One table, `VERBS`.  A row has the bus method, the function that works on it (possibly several times, see
`Later`), and the function that says which fields of the spec are different afterwards, so that the record
stays what the server should be: a stopped server's spec says ``shutdown``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from nacre.kernel.bus import Method
from nacre.kernel.errors import NotFound
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Driver, Later
from nacre.services.compute.agent.movements import Movements
from nacre.services.compute.agent.records import Pending, Record, Records
from nacre.services.compute.agent.snapshots import Snapshots

Result = dict[str, Any]
Power = rpc.Power


class Verbs:
    """Does commands with a driver."""

    def __init__(self, driver: Driver, records: Records, snapshots: Snapshots, movements: Movements) -> None:
        self.driver, self.records = driver, records
        self.snapshots, self.movements = snapshots, movements

    def perform(self, record: Record, pending: Pending, attempt: Attempt) -> tuple[Later | None, Result]:
        """Make one attempt at a command; the result counts once there is no `Later`."""
        verb = VERBS[pending.verb]
        message = msgspec.json.decode(pending.body, type=verb.method.message)
        done = verb.run(self, record, message, attempt)
        if isinstance(done, Later):
            return done, {}
        return None, done or {}


Run = Callable[[Verbs, Record, Any, Attempt], Done | Result]
Changes = Callable[[rpc.ServerSpec, Any], dict[str, Any]]


@dataclass(frozen=True)
class Verb:
    """One row of the table."""

    method: Method[Any, Any]
    run: Run
    changes: Changes = lambda _spec, _message: {}

    def note(self, record: Record, pending: Pending, outcome: rpc.Outcome) -> Record:
        """Write the end of a command into a record."""
        record = record.with_outcome(outcome)
        ensured = self.method is rpc.ENSURE_SERVER
        if outcome.fault is not None:
            return msgspec.structs.replace(record, fault=outcome.fault) if ensured else record
        if self.method is rpc.REMOVE_SERVER:
            return msgspec.structs.replace(record, applied_revision=0, fault=None)
        if record.spec is None:
            return record
        message = msgspec.json.decode(pending.body, type=self.method.message)
        changes = self.changes(record.spec, message)
        if pending.revision > record.spec.revision:
            changes["revision"] = pending.revision
        up_to_date = ensured or record.applied_revision == record.spec.revision
        record = record.with_spec(**changes)
        assert record.spec is not None
        if up_to_date:
            record = msgspec.structs.replace(record, applied_revision=record.spec.revision)
        return msgspec.structs.replace(record, fault=None) if ensured else record


def _spec(record: Record) -> rpc.ServerSpec:
    if record.spec is None:
        raise NotFound(f"Server {record.server_id} has no spec on this host.")
    return record.spec


def _ensure(verbs: Verbs, record: Record, message: rpc.EnsureServer, attempt: Attempt) -> Done:
    spec = message.spec
    held = _spec(record)
    if spec.revision < held.revision:
        spec = held  # a later command has been done meanwhile
    elif spec != held:
        record = msgspec.structs.replace(record, spec=spec)
        verbs.records.change(spec.id, lambda now: now and msgspec.structs.replace(now, spec=spec))
    verbs.movements.is_over(spec.id)
    return verbs.driver.ensure(spec, attempt)


def _remove(verbs: Verbs, record: Record, _message: rpc.ServerCommand, _attempt: Attempt) -> Done:
    verbs.movements.is_over(record.server_id)
    return verbs.driver.remove(record.server_id)


def _without_tickets(spec: rpc.ServerSpec, _message: Any) -> dict[str, Any]:
    """What was fetched needs no ticket any more."""
    return {
        name: msgspec.structs.replace(image, download=msgspec.structs.replace(image.download, headers={}))
        for name in ("image", "kernel", "ramdisk", "rescue")
        if (image := getattr(spec, name)) is not None
    }


def _power(power: Power) -> Changes:
    return lambda _spec, _message: {"power": power}


def _nic_added(spec: rpc.ServerSpec, message: rpc.AttachNic) -> dict[str, Any]:
    others = tuple(nic for nic in spec.nics if nic.port_id != message.nic.port_id)
    return {"nics": (*others, message.nic)}


def _nic_gone(spec: rpc.ServerSpec, message: rpc.DetachNic) -> dict[str, Any]:
    return {"nics": tuple(nic for nic in spec.nics if nic.port_id != message.port_id)}


def _volume_added(spec: rpc.ServerSpec, message: rpc.AttachVolume) -> dict[str, Any]:
    others = tuple(volume for volume in spec.volumes if volume.volume_id != message.volume.volume_id)
    return {"volumes": (*others, message.volume)}


def _volume_gone(spec: rpc.ServerSpec, message: rpc.DetachVolume) -> dict[str, Any]:
    return {"volumes": tuple(volume for volume in spec.volumes if volume.volume_id != message.volume_id)}


def _volume_grown(spec: rpc.ServerSpec, message: rpc.ExtendVolume) -> dict[str, Any]:
    return {
        "volumes": tuple(
            msgspec.structs.replace(volume, size_gb=message.size_gb)
            if volume.volume_id == message.volume_id
            else volume
            for volume in spec.volumes
        )
    }


VERBS: dict[str, Verb] = {
    verb.method.name: verb
    for verb in (
        Verb(rpc.ENSURE_SERVER, _ensure, _without_tickets),
        Verb(rpc.REMOVE_SERVER, _remove),
        Verb(rpc.EXPECT_SERVER, lambda v, _record, m, a: v.movements.expect(m, a)),
        Verb(rpc.SEND_SERVER, lambda v, _record, m, a: v.movements.send(m, a)),
        Verb(rpc.START, lambda v, record, _m, a: v.driver.start(_spec(record), a), _power(Power.RUNNING)),
        Verb(
            rpc.STOP,
            lambda v, _record, m, a: v.driver.stop(m.server_id, m.timeout_seconds, a),
            _power(Power.SHUTDOWN),
        ),
        Verb(
            rpc.REBOOT,
            lambda v, record, m, a: v.driver.reboot(_spec(record), m.type, m.timeout_seconds, a),
            _power(Power.RUNNING),
        ),
        Verb(rpc.PAUSE, lambda v, _record, m, _a: v.driver.pause(m.server_id), _power(Power.PAUSED)),
        Verb(rpc.UNPAUSE, lambda v, _record, m, _a: v.driver.unpause(m.server_id), _power(Power.RUNNING)),
        Verb(rpc.SUSPEND, lambda v, _record, m, _a: v.driver.suspend(m.server_id), _power(Power.SUSPENDED)),
        Verb(rpc.RESUME, lambda v, record, _m, a: v.driver.resume(_spec(record), a), _power(Power.RUNNING)),
        Verb(rpc.SNAPSHOT, lambda v, _record, m, a: v.snapshots.take(v.driver, m, a)),
        Verb(
            rpc.ATTACH_NIC,
            lambda v, _record, m, a: v.driver.attach_nic(m.server_id, m.nic, a),
            _nic_added,
        ),
        Verb(
            rpc.DETACH_NIC,
            lambda v, _record, m, a: v.driver.detach_nic(m.server_id, m.port_id, a),
            _nic_gone,
        ),
        Verb(
            rpc.ATTACH_VOLUME,
            lambda v, _record, m, a: v.driver.attach_volume(m.server_id, m.volume, a),
            _volume_added,
        ),
        Verb(
            rpc.DETACH_VOLUME,
            lambda v, _record, m, a: v.driver.detach_volume(m.server_id, m.volume_id, a),
            _volume_gone,
        ),
        Verb(
            rpc.EXTEND_VOLUME,
            lambda v, _record, m, _a: v.driver.extend_volume(m.server_id, m.volume_id, m.size_gb),
            _volume_grown,
        ),
    )
}
