"""Parts of one cloud, each a process of its own that may be killed; all are forked from this one.

Run as a program: python -m victims.part PLAN SOCKET.  PLAN is a JSON file (see parts.py).  Each line that is read
names a part; its process then follows orders over a connection of its own to
SOCKET, one JSON object a line, and answers each with one:

    {"do": "arm", "fates": {…}}       see simulated/fates.py
    {"do": "tell"}                    what has happened to whom, and who has met his fate
    {"do": "release"}                 everybody goes on
    {"do": "sweep"}                   have every reconciler take its turn now (services)
    {"do": "wired"}                   the rows that the network's driver has made so (hosts)

What runs is what `nacre serve` and `nacre agent` run.  Only that background work of the services in WORK is done by the
part "work" alone, so that it goes on when the part "api", which answers everybody's requests, dies.
"""

import faulthandler
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from nacre.cloud import agents, serve
from nacre.cloud.options import Mode, Ports
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.kernel import log
from nacre.kernel.bus import BusOptions, open_bus
from nacre.kernel.config import ConfigFile
from nacre.kernel.process import Process
from nacre.kernel.shared_key import SharedKey
from nacre.kernel.tasks.neighbours import share
from nacre.services import NAMES, manifests
from simulated import obstacles
from simulated.fates import Fates
from simulated.life import sweep

API, WORK = "api", "work"
#: What the part "work" has in its hands.
WORKED_ON = ("compute", "image")
API_ADDRESS, WORK_ADDRESS = "127.0.0.1", "127.0.0.2"


def main():
    plan, meeting = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
    manifests()
    import nacre.kernel.bus.amqp
    import nacre.services.compute.agent.drivers.simulated.driver
    import nacre.services.compute.agent.main
    import nacre.services.network.agent.drivers.simulated.driver
    import nacre.services.network.agent.main  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they died
    for line in sys.stdin:
        name = line.strip()
        if os.fork() == 0:
            os.close(0)
            live(plan, name, meeting)


def live(plan, name, meeting):
    """Be a part of the cloud until death."""
    state = StateDirectory(Path(plan["root"]) / name)
    state.prepare()
    log.configure(state.log)
    faulthandler.register(signal.SIGUSR1, file=(state.root / "log" / "stacks").open("w"))
    settings = Settings(
        name="parts",
        mode=Mode.SIMULATED,
        listen=WORK_ADDRESS if name == WORK else API_ADDRESS,
        ports=Ports(single=plan["port"]),
        region="RegionOne",
        host=name,
        external_cidr="203.0.113.0/24",
        private_cidr="10.10.0.0/22",
        simulated_hosts=1,
    )
    fates = Fates()
    if name in (API, WORK):
        process = be_services(name, plan, state, settings, fates)
        more = {"sweep": lambda: sweep(process)}
    else:
        driver = be_host(name, plan, settings, fates)
        more = {"wired": lambda: [row_id for _, row_id in driver.host.things]}
    follow(name, meeting, fates, more)


def be_services(name, plan, state, settings, fates):
    """Serve all APIs, or do background work; return the process."""
    key = SharedKey.read(Path(plan["key"]))
    state.adopt(key)
    obstacles.put_up()
    if name == API:
        Process._start_runner = leave_to_others(Process._start_runner)
    services = NAMES if name == API else WORKED_ON
    process = serve.make_process(services, state, settings, ConfigFile(plan["services"]), key)
    process.wait_for_databases(sys.stderr.write)
    process.start()
    if name == API:
        serve._announce(process, state, settings)
    fates.watch_process(process)
    serve_in_thread(process)
    return process


def leave_to_others(start_runner):
    """Have other processes do the work, and tell them that there is some."""

    def start(process, service):
        if service.name not in WORKED_ON:
            start_runner(process, service)
        elif service.manifest.workflows:
            share(service.db, process.bus, service.name, lambda: None)

    return start


def serve_in_thread(process):
    """Return once requests are answered."""
    ready = threading.Event()
    threading.Thread(target=process.serve, kwargs={"on_ready": ready.set}, daemon=True).start()
    ready.wait()


def be_host(name, plan, settings, fates):
    """Run the agents of a host; return the driver of its network."""
    config, where = ConfigFile(plan["hosts"]), Path(plan["root"]) / "hosts" / name
    bus = open_bus(config.section("bus", BusOptions), name=name)
    network = agents.network_agent(
        name, bus, where / "network", settings, config, metadata_url="", metadata_secret=""
    )
    compute = agents.compute_agent(name, bus, where / "compute", settings, config)
    fates.watch_bus(bus)
    fates.watch_agents([compute])
    network.start()
    compute.start()
    return network.driver


def follow(name, meeting, fates, more):
    """Do what the test says."""
    orders = socket.socket(socket.AF_UNIX)
    orders.connect(meeting)
    with orders.makefile("rw") as lines:

        def answer(words):
            lines.write(json.dumps(words) + "\n")
            lines.flush()

        answer({"part": name, "pid": os.getpid()})
        for line in lines:
            order = json.loads(line)
            match order["do"]:
                case "arm":
                    fates.arm(order["fates"])
                    answer({})
                case "release":
                    fates.release()
                    answer({})
                case "tell":
                    answer({"stories": fates.stories, "struck": sorted(fates.struck)})
                case other:
                    answer(more[other]())
    os._exit(0)  # whoever gave the orders is gone


if __name__ == "__main__":
    main()
