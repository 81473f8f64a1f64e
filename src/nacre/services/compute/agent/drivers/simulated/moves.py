"""Simulated servers that move: what there is of one fits into a line of JSON, and that line really travels."""

import ssl
import threading

import msgspec

from nacre.kernel.errors import BadRequest, Conflict, NotFound, Unavailable
from nacre.kernel.pool import blocking
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Done, Later
from nacre.services.compute.agent.drivers.moves import Moves, Passport, Readiness
from nacre.services.compute.agent.drivers.simulated.gates import Gate
from nacre.services.compute.agent.drivers.simulated.machines import Machine, Machines
from nacre.services.compute.agent.drivers.simulated.options import SimulatedOptions
from nacre.services.compute.agent.passages import Way

State = rpc.ServerState
POWERED = (State.RUNNING, State.PAUSED)
MACHINE = "machine"
ARRIVED = b"arrived\n"
GIB, MIB = 1 << 30, 1 << 20
LOOK_SECONDS = 1.0


class SimulatedMoves(Moves):
    """Sends and takes in machines."""

    def __init__(self, options: SimulatedOptions, machines: Machines, gate: Gate) -> None:
        self._options, self._machines, self._gate = options, machines, gate
        self._lock = threading.Lock()
        self._sent: dict[str, str] = {}  # server id → what was said while it was sent: "", "abort", "force"

    def depart(self, server_id: str, manner: rpc.Manner) -> Passport:
        self._gate.pass_or_fail("depart", server_id)
        machine = self._get(server_id)
        if manner is rpc.Manner.LIVE and machine.state not in POWERED:
            raise Conflict(f"Server {server_id} is {machine.state}.")
        return {"arch": self._options.arch, "cpu_features": sorted(self._options.cpu_features)}

    def expect(
        self, spec: rpc.ServerSpec, manner: rpc.Manner, passport: Passport, attempt: Attempt
    ) -> Later | Readiness:
        self._gate.pass_or_fail("expect", spec.id, spec.name)
        if manner is rpc.Manner.LIVE:
            self._check_processor(passport)
        remaining = self._options.build_seconds - attempt.waited_seconds
        if remaining > 0:
            return Later(remaining, "fetching the image")
        return Readiness({MACHINE: self._receive}, {"has": "room"})

    def _check_processor(self, passport: Passport) -> None:
        if passport.get("arch") != self._options.arch:
            raise BadRequest(
                f"The processor of this host is {self._options.arch}, not {passport.get('arch')}."
            )
        lacking = set(passport.get("cpu_features", ())) - set(self._options.cpu_features)
        if lacking:
            raise BadRequest(f"The processor of this host lacks {', '.join(sorted(lacking))}.")

    def _receive(self, connection: ssl.SSLSocket) -> None:
        with connection.makefile("rb") as file:
            machine = msgspec.json.decode(file.readline(), type=Machine)
        self._machines.change(machine.id, lambda _before: machine)
        self._gate.tell(machine.id, "arrived")
        connection.sendall(ARRIVED)

    def send(self, server_id: str, manner: rpc.Manner, way: Way, attempt: Attempt) -> Done:
        self._gate.pass_or_fail("send", server_id)
        machine = self._get(server_id)
        said = self._said(server_id, begins=attempt.number == 1)
        if said == "abort":
            self._forget(server_id)
            raise Conflict("The migration was aborted.")
        remaining = self._options.move_seconds - attempt.waited_seconds
        if remaining > 0 and said != "force":
            share = attempt.waited_seconds / self._options.move_seconds
            progress = _progress(machine, share, live=manner is rpc.Manner.LIVE)
            return Later(min(remaining, LOOK_SECONDS), f"sending it, {share:.0%}", progress)
        self._hand_over(machine, way)
        self._forget(server_id)
        if manner is rpc.Manner.LIVE:
            self._machines.change(server_id, lambda _machine: None)
        return None

    def _hand_over(self, machine: Machine, way: Way) -> None:
        try:
            with blocking(), way.open(MACHINE) as connection:
                connection.sendall(msgspec.json.encode(machine) + b"\n")
                answer = connection.recv(len(ARRIVED))
        except OSError as error:
            raise Unavailable(
                "The connection to the other host broke while the server was sent.", detail=str(error)
            ) from error
        if answer != ARRIVED:
            raise Unavailable("The other host did not take the server in.")

    def force(self, server_id: str) -> None:
        self._say(server_id, "force")

    def abort(self, server_id: str) -> None:
        try:
            self._say(server_id, "abort")
        except Conflict:
            return

    def _say(self, server_id: str, words: str) -> None:
        with self._lock:
            if server_id not in self._sent:
                raise Conflict(f"Server {server_id} is not being sent.")
            self._sent[server_id] = words
        self._gate.tell(server_id)

    def _said(self, server_id: str, *, begins: bool) -> str:
        with self._lock:
            if begins:
                self._sent[server_id] = ""
            return self._sent.setdefault(server_id, "")

    def _forget(self, server_id: str) -> None:
        with self._lock:
            self._sent.pop(server_id, None)

    def _get(self, server_id: str) -> Machine:
        machine = self._machines.get(server_id)
        if machine is None:
            raise NotFound(f"Server {server_id} does not exist on this host.")
        return machine


def _progress(machine: Machine, share: float, *, live: bool) -> rpc.MoveProgress:
    memory, disk = machine.memory_mb * MIB if live else 0, machine.root_gb * GIB
    return rpc.MoveProgress(
        memory_total_bytes=memory,
        memory_processed_bytes=int(memory * share),
        memory_remaining_bytes=memory - int(memory * share),
        disk_total_bytes=disk,
        disk_processed_bytes=int(disk * share),
        disk_remaining_bytes=disk - int(disk * share),
    )
