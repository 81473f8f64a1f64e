"""nacre's command line, in a process that kills itself once every server has met its fate; see simulated/fates.py.

    python mortal_nacre.py FATES up --real …

FATES is a JSON file: {"fates": {server's name: event}, "refused": [names]}.  A server that is refused has its build
called a failure after its guest runs, so that all of it has to be undone.
"""

import faulthandler
import functools
import json
import os
import signal
import sys
from pathlib import Path

from nacre.cloud.assembly import Cloud
from nacre.cmd import main
from nacre.kernel.errors import Conflict
from nacre.kernel.tasks import Runner, Wait
from nacre.services.compute.db import servers
from simulated.fates import Fates


def live(file):
    """Have the cloud of this process be watched from its start."""
    wanted = json.loads(Path(file).read_text())
    start, watched = Cloud.start, []

    def tell(*_):
        """Say what happened to those that have not met their fate."""
        for subject, story in watched[0].stories.items():
            if subject not in watched[0].struck:
                sys.stderr.write(f"{subject}: {story}\n")
        faulthandler.dump_traceback()

    signal.signal(signal.SIGUSR1, tell)

    def start_watched(cloud):
        start(cloud)
        fates = Fates(on_last_strike=lambda: os.kill(os.getpid(), signal.SIGKILL))
        fates.arm(wanted["fates"])
        fates.watch(cloud)
        watched.append(fates)

    Cloud.start = start_watched
    Runner.call = functools.partialmethod(call_and_refuse, Runner.call, frozenset(wanted["refused"]))


def call_and_refuse(runner, call, names, function, *args):
    """Call a step; refuse what `boot` has done for some servers."""
    outcome = call(runner, function, *args)
    if len(args) > 1 and f"{args[1].job.kind}.{function.__name__}" == "server_build.boot":
        server = runner.db.read(servers.get, args[1].resource[1])
        if server.name in names and not isinstance(outcome, Wait):
            raise Conflict("This is refused by the test.")
    return outcome


if __name__ == "__main__":
    live(sys.argv.pop(1))
    main()
