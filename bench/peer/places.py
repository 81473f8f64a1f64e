"""Where the peer lives: its directories, ports and names."""

import os
from pathlib import Path

from peer.daemons import Daemons
from peer.infrastructure import ADDRESS, Infrastructure

RELEASE = "2026.1"

ROOT = Path(os.environ.get("NACRE_BENCH", Path.home() / ".cache" / "nacre" / "bench")) / "peer"
VENV = ROOT / "venv"
PROGRAMS = VENV / "bin"
ETC = ROOT / "etc"
LOG = ROOT / "log"
RUN = ROOT / "run"
STATE = ROOT / "state"
MARKS = ROOT / "done"  # what need not be done again

HOST = "peer-compute1"  # as nova and neutron call this machine
PASSWORD = "peerpw"  # of everybody; nothing listens outside the loopback
REGION = "RegionOne"

MARIADB_PORT = 13306
RABBITMQ_PORT = 15673
MEMCACHED_PORT = 11311
API_PORTS = {"keystone": 15000, "placement": 18778, "glance": 19292, "neutron": 19696, "nova": 18774}

AUTH_URL = f"http://{ADDRESS}:{API_PORTS['keystone']}/v3"
DAEMONS = Daemons(RUN, LOG)
INFRASTRUCTURE = Infrastructure(
    root=ROOT,
    daemons=DAEMONS,
    mariadb_port=MARIADB_PORT,
    rabbitmq_port=RABBITMQ_PORT,
    rabbitmq_cluster_port=15674,
    epmd_port=14369,
    memcached_port=MEMCACHED_PORT,
)
BROKER_URL = f"rabbit://{INFRASTRUCTURE.broker_account}/"
API_WORKERS = 2


def prepare() -> None:
    """Make the directories."""
    for directory in (ETC, LOG, RUN, STATE, MARKS):
        directory.mkdir(parents=True, exist_ok=True)


def database_url(name: str) -> str:
    """Return the URL of a database, as SQLAlchemy writes it."""
    return f"mysql+pymysql://peer:{PASSWORD}@{ADDRESS}:{MARIADB_PORT}/{name}?charset=utf8mb4"


def api_url(service: str) -> str:
    """Return the base address of an API."""
    return f"http://{ADDRESS}:{API_PORTS[service]}"
