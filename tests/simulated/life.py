"""Lives of one cloud: each is a process of its own, forked from this one, and ends by SIGKILL.

Run as a program.  It reads orders, one JSON object a line, and answers each with one:

    {"do": "live", "crowded": …,      start the cloud on the state directory, its clock so far ahead; answered
     "ahead_seconds": …}              when it answers requests
    {"do": "arm", "fates": {…}}       see fates.py; the process kills itself when all have met theirs
    {"do": "tell"}                    what has happened to whom, and who has met his fate
    {"do": "sweep"}                   have every reconciler take its turn now
    {"do": "die"}                     SIGKILL, now

The services are imported once, before the first life, so that a life begins within a tenth of a second.
What runs is the same `Cloud` that `nacre up` runs.
"""

import faulthandler
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from nacre.cloud import first_start, simulated_image
from nacre.cloud.assembly import Cloud
from nacre.cloud.client import CloudClient
from nacre.cloud.options import Mode, Ports
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.kernel import log, tasks
from nacre.kernel.clock import Clock
from nacre.kernel.config import ConfigFile
from nacre.services import manifests
from simulated import obstacles
from simulated.fates import Fates
from simulated.scenarios import REFUSED_BY_HOSTS, TROUBLED_HOST

#: Hashing costs next to nothing; hosts take a moment for what they do; who sends an image is soon thought dead.
CONFIG = {
    "image": {"upload_lease_seconds": 2},
    "identity": {"argon2_memory_kib": 8, "argon2_passes": 1},
    "simulated_compute": {
        "build_seconds": 0.1,
        "shutdown_seconds": 0.1,
        "failures": [
            {"verb": "ensure", "server": REFUSED_BY_HOSTS, "message": "The host was told to refuse."},
            {"verb": "ensure", "server": TROUBLED_HOST, "times": 1, "outage": True},
        ],
    },
}
#: A life in which many threads will stand still.
CROWDED = CONFIG | {
    "process": {"runnable_threads": 128, "maximum_threads": 512, "task_threads": 128},
    "compute_agent": {"workers": 128},
}


def main():
    root, port = Path(sys.argv[1]), int(sys.argv[2])
    state = StateDirectory(root)
    state.prepare()
    manifests()
    import nacre.services.compute.agent.drivers.simulated.driver
    import nacre.services.compute.agent.main
    import nacre.services.network.agent.drivers.simulated.driver
    import nacre.services.network.agent.main  # noqa: F401

    while order := read():
        if order["do"] != "live":
            continue  # said to one who had died in that moment
        child = os.fork()
        if child == 0:
            set_clock(order["ahead_seconds"])
            live(state, port, CROWDED if order["crowded"] else CONFIG)
        _, status = os.waitpid(child, 0)
        answer({"ended": os.waitstatus_to_exitcode(status)})


def set_clock(ahead_seconds):
    """Have this process live so much later."""
    real, ahead = Clock.now, timedelta(seconds=ahead_seconds)
    Clock.now = lambda clock: real(clock) + ahead


def live(state, port, config):
    """Start the cloud and follow orders until death."""
    settings = Settings(
        name="mortal",
        mode=Mode.SIMULATED,
        listen="127.0.0.1",
        ports=Ports(single=port),
        region="RegionOne",
        host="host",
        external_cidr="203.0.113.0/24",
        private_cidr="10.10.0.0/22",
        simulated_hosts=3,
    )
    log.configure(state.log)
    stacks = (state.root / "log" / "stacks").open("w")
    faulthandler.register(signal.SIGUSR1, file=stacks)
    obstacles.put_up()
    cloud = Cloud(state, settings, ConfigFile(config))
    fates = Fates(on_last_strike=die)
    cloud.start()
    fates.watch(cloud)
    if not state.furnished.exists():
        furnish(cloud.auth_url, settings, state)
    answer({"auth_url": cloud.auth_url, "pid": os.getpid()})
    while order := read():
        match order["do"]:
            case "arm":
                fates.arm(order["fates"])
                answer({})
            case "tell":
                answer({"stories": fates.stories, "struck": sorted(fates.struck)})
            case "sweep":
                sweep(cloud.process)
                answer({})
            case "die":
                die()
    os._exit(0)  # whoever gave the orders is gone


def furnish(auth_url, settings, state):
    """Make what a new cloud has."""
    secrets = state.secrets()
    admin = CloudClient(auth_url, "admin", secrets.admin_password, "admin")
    demo = CloudClient(auth_url, "demo", secrets.demo_password, "demo")
    first_start.furnish(
        admin, demo, settings, state, lambda: simulated_image.write(state.root / "run"), lambda words: None
    )
    state.furnished.touch()


def sweep(process):
    """Wake what otherwise would come in half a minute or more."""
    for service in process.services.values():
        for reconciler in service.manifest.reconcilers:
            tasks.wake(service.background_context(), kind=reconciler.name)


def die():
    """End as a process does whose machine is switched off."""
    os.kill(os.getpid(), signal.SIGKILL)


def read():
    """Return the next order; None when nobody gives any more."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def answer(words):
    """Say something to whoever gives the orders."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
