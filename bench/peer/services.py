"""The peer's own processes: an API each under uWSGI, and what works behind them."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from peer import infrastructure, places

APPLICATIONS = {
    "keystone": "keystone.wsgi.api",
    "placement": "placement.wsgi.api",
    "glance": "glance.wsgi.api",
    "neutron": "neutron.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
}
ANSWERS_AT = {"keystone": "/v3", "placement": "/", "glance": "/versions", "neutron": "/", "nova": "/"}
PATIENCE_SECONDS = 180.0

NEUTRON = [
    f"--config-file={places.ETC / 'neutron' / 'neutron.conf'}",
    f"--config-file={places.ETC / 'neutron' / 'ml2_conf.ini'}",
]
NOVA = f"--config-file={places.ETC / 'nova' / 'nova.conf'}"
WORKERS = {
    "neutron-rpc": ["neutron-rpc-server", *NEUTRON],
    "neutron-periodic": ["neutron-periodic-workers", *NEUTRON],
    "nova-conductor": ["nova-conductor", NOVA],
    "nova-scheduler": ["nova-scheduler", NOVA],
    "nova-compute": ["nova-compute", f"--config-file={places.ETC / 'nova' / 'nova-cpu.conf'}"],
}
ENVIRONMENT = {
    "OS_KEYSTONE_CONFIG_FILES": str(places.ETC / "keystone" / "keystone.conf"),
    "OS_PLACEMENT_CONFIG_DIR": str(places.ETC / "placement"),
    "OS_GLANCE_CONFIG_DIR": str(places.ETC / "glance"),
    "OS_GLANCE_CONFIG_FILES": "glance-api.conf;glance-api-paste.ini",
    "OS_NOVA_CONFIG_DIR": str(places.ETC / "nova"),
    "OS_NEUTRON_CONFIG_DIR": str(places.ETC / "neutron"),
    "OS_NEUTRON_CONFIG_FILES": "neutron.conf;ml2_conf.ini",
}


def start(services: Iterable[str] = tuple(APPLICATIONS)) -> None:
    """Start the APIs of these services and their workers, all at once."""
    for service in services:
        places.DAEMONS.start(f"{service}-api", _api(service), ENVIRONMENT)
        for name, command in WORKERS.items():
            if name.startswith(f"{service}-"):
                places.DAEMONS.start(name, [places.PROGRAMS / command[0], *command[1:]], ENVIRONMENT)


def stop() -> None:
    """End them, all at once."""
    names = [name for name in places.DAEMONS.pids() if name not in infrastructure.NAMES]
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        list(pool.map(places.DAEMONS.stop, names))


def wait(services: Iterable[str] = tuple(APPLICATIONS)) -> None:
    """Return when every API answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for service in services:
        url = places.api_url(service) + ANSWERS_AT[service]
        while not answers(url):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{service} does not answer; see {places.LOG}")
            time.sleep(0.1)


def answers(url: str) -> bool:
    """Tell whether a server answers there, be it with a refusal."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code < 500
    except OSError:
        return False
    return True


def _api(service: str) -> list[object]:
    """Return the command of an API: as many processes as workers, one thread each, as devstack runs it.

    uWSGI closes the connection after each answer but does not say so; clients that believe in keep-alive would then be
    cut off, so a header says it.
    """
    command: list[object] = [places.PROGRAMS / "uwsgi", "--master", "--lazy-apps", "--need-app"]
    command += ["--http-socket", f"{places.ADDRESS}:{places.API_PORTS[service]}"]
    command += ["--processes", places.API_WORKERS, "--enable-threads", "--thunder-lock", "--listen", 100]
    command += ["--die-on-term", "--buffer-size", 65535, "--add-header", "Connection: close"]
    command += ["--module", f"{APPLICATIONS[service]}:application"]
    if service == "neutron":
        command += ["--pyargv", " ".join(NEUTRON)]
    return command
