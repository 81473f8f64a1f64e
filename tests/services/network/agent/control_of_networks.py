"""A control plane that keeps one host's view and its revisions, and remembers what it was told."""

from collections.abc import Iterable

from nacre.kernel.bus import MemoryBus
from nacre.kernel.errors import Unavailable
from nacre.services.network import rpc
from nacre.services.network.rpc import HostChanges, HostChangesRequest, Removed

KINDS = ("networks", "ports", "routers", "security_groups", "neighbours")
Row = rpc.NetworkSpec | rpc.PortSpec | rpc.RouterSpec | rpc.SecurityGroupSpec | rpc.NeighbourSpec


class ControlOfNetworks:
    """Serves the topic `network`; tests change `rows` by `put` and `drop`."""

    def __init__(self, bus: MemoryBus, host: str) -> None:
        self._bus, self._host = bus, host
        self.revision = 1
        self.rows: dict[str, dict[str, tuple[int, Row | None]]] = {kind: {} for kind in KINDS}
        self.requests: list[HostChangesRequest] = []
        self.port_reports: list[rpc.PortReport] = []
        self.host_reports: list[rpc.HostReport] = []
        self.forgetful = False
        self.refuses_reports = False
        self._subscription = None
        self.open()

    def open(self) -> None:
        handlers = {
            rpc.HOST_CHANGES: self._changes,
            rpc.PORT_REPORT: self._hear_ports,
            rpc.HOST_REPORT: self.host_reports.append,
        }
        self._subscription = self._bus.serve(rpc.TOPIC, handlers)

    def close(self) -> None:
        """Be away."""
        if self._subscription is not None:
            self._subscription.close()

    def put(self, kind: str, *rows: Row) -> None:
        self.revision += 1
        self.rows[kind].update((row.id, (self.revision, row)) for row in rows)

    def drop(self, kind: str, *ids: str) -> None:
        self.revision += 1
        self.rows[kind].update((row_id, (self.revision, None)) for row_id in ids)

    def wake(self, revision: int | None = None) -> None:
        self._bus.cast(rpc.host_topic(self._host), rpc.WAKE, rpc.Wake(revision=revision))

    def _hear_ports(self, report: rpc.PortReport) -> None:
        if self.refuses_reports:
            raise Unavailable("not now")
        self.port_reports.append(report)

    @property
    def port_statuses(self) -> dict[str, rpc.PortStatus]:
        """What is known of each port by all reports so far."""
        return {status.id: status for report in self.port_reports for status in report.ports}

    def _changes(self, request: HostChangesRequest) -> HostChanges:
        self.requests.append(request)
        since = 0 if self.forgetful else request.since_revision
        present = {kind: self._rows(kind, since, present=True) for kind in KINDS}
        gone = {kind: tuple(row_id for row_id, _ in self._rows(kind, since, present=False)) for kind in KINDS}
        return HostChanges(
            revision=self.revision,
            full=since == 0,
            removed=Removed() if since == 0 else Removed(**gone),
            **{kind: tuple(row for _, row in rows) for kind, rows in present.items()},  # type: ignore[arg-type]
        )

    def _rows(self, kind: str, since: int, *, present: bool) -> Iterable[tuple[str, Row | None]]:
        return [
            (row_id, row)
            for row_id, (revision, row) in self.rows[kind].items()
            if revision > since and (row is not None) is present
        ]
