"""Where the peer lives: its directories, ports and names."""

import os
from pathlib import Path

RELEASE = "2026.1"

ROOT = Path(os.environ.get("NACRE_BENCH", Path.home() / ".cache" / "nacre" / "bench")) / "peer"
VENV = ROOT / "venv"
PROGRAMS = VENV / "bin"
ETC = ROOT / "etc"
LOG = ROOT / "log"
RUN = ROOT / "run"
STATE = ROOT / "state"
MARKS = ROOT / "done"  # what need not be done again

ADDRESS = "127.0.0.1"
HOST = "peer-compute1"  # as nova and neutron call this machine
PASSWORD = "peerpw"  # of everybody; nothing listens outside the loopback
REGION = "RegionOne"

MARIADB_PORT = 13306
RABBITMQ_PORT = 15673
RABBITMQ_CLUSTER_PORT = 15674
EPMD_PORT = 14369
MEMCACHED_PORT = 11311
API_PORTS = {"keystone": 15000, "placement": 18778, "glance": 19292, "neutron": 19696, "nova": 18774}

AUTH_URL = f"http://{ADDRESS}:{API_PORTS['keystone']}/v3"
BROKER_URL = f"rabbit://guest:guest@{ADDRESS}:{RABBITMQ_PORT}/"
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
