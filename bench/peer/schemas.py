"""The peer's databases, made once by its own tools."""

import getpass
import grp
import os
import subprocess
import time

from peer import places
from peer.services import NEUTRON, NOVA

DATABASES = ("keystone", "placement", "glance", "nova_api", "nova_cell0", "nova", "neutron")
KEYSTONE = f"--config-file={places.ETC / 'keystone' / 'keystone.conf'}"
PLACEMENT = f"--config-file={places.ETC / 'placement' / 'placement.conf'}"
GLANCE = f"--config-file={places.ETC / 'glance' / 'glance-api.conf'}"


def make() -> None:
    """Make all databases and the first account."""
    mark = places.MARKS / "databases"
    if mark.exists():
        return
    places.INFRASTRUCTURE.make_databases("peer", places.PASSWORD, list(DATABASES))
    user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    for keys in ("fernet_setup", "credential_setup"):
        _run("keystone-manage", KEYSTONE, keys, "--keystone-user", user, "--keystone-group", group)
    _run("keystone-manage", KEYSTONE, "db_sync")
    urls = [f"--bootstrap-{kind}-url={places.AUTH_URL}" for kind in ("public", "internal", "admin")]
    admin = [f"--bootstrap-password={places.PASSWORD}", f"--bootstrap-region-id={places.REGION}"]
    _run("keystone-manage", KEYSTONE, "bootstrap", *admin, *urls)
    _run("placement-manage", PLACEMENT, "db", "sync")
    _run("glance-manage", GLANCE, "db_sync")
    _run("nova-manage", NOVA, "api_db", "sync")
    _run(
        "nova-manage",
        NOVA,
        "cell_v2",
        "map_cell0",
        "--database_connection",
        places.database_url("nova_cell0"),
    )
    _run("nova-manage", NOVA, "db", "sync")
    if "cell1" not in _run("nova-manage", NOVA, "cell_v2", "list_cells"):
        _run("nova-manage", NOVA, "cell_v2", "create_cell", "--name", "cell1")
    _run("neutron-db-manage", *NEUTRON, "upgrade", "heads")
    mark.touch()


def announce_agent() -> None:
    """Write down that an agent for networks is alive on the host, so that ports are bound as usual."""
    configurations = (
        '{"tunnel_types": ["vxlan"], "tunneling_ip": "127.0.0.1", "datapath_type": "system", '
        '"bridge_mappings": {"physnet1": "br-ex"}, "integration_bridge": "br-int"}'
    )
    places.INFRASTRUCTURE.sql(
        "INSERT INTO neutron.agents (id, agent_type, `binary`, topic, host, admin_state_up, created_at,"
        " started_at, heartbeat_timestamp, configurations, `load`) VALUES"
        " ('00000000-0000-0000-0000-0000000000a1', 'Open vSwitch agent', 'neutron-openvswitch-agent', 'N/A',"
        f" '{places.HOST}', 1, NOW(), NOW(), NOW(), '{configurations}', 0)"
        " ON DUPLICATE KEY UPDATE heartbeat_timestamp = NOW()"
    )


def map_host() -> None:
    """Tell nova which cell its host is in, once the host has reported."""
    deadline = time.monotonic() + 60
    while int(places.INFRASTRUCTURE.sql("SELECT COUNT(*) FROM nova_api.host_mappings")) == 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"nova-compute did not report; see {places.LOG}")
        _run("nova-manage", NOVA, "cell_v2", "discover_hosts")
        time.sleep(1)


def _run(program: str, *arguments: str) -> str:
    command = [str(places.PROGRAMS / program), *arguments]
    with (places.LOG / "databases.log").open("a") as log:
        log.write(f"$ {program} {' '.join(arguments)}\n")
        log.flush()
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=log, text=True).stdout
