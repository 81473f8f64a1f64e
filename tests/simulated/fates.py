"""What happens in a cloud, event by event, and where a server's story is to break off.

`Fates` looks over the shoulders of a running cloud: at requests that change something, at the steps of its
jobs, at the notes the runners make of them, at every transaction and message in between, at the calls of the
hosts' drivers and at what hosts report.  Each event has a name that is the same at every run:

    server_build.connect: network wrote insert          in the middle of a step, after this transaction
    server_build.connect worked                         the step is done, and nobody has noted it
    server_build.connect noted                          its result is stored, nothing else has begun
    server_build.boot parked                            the step waits, which is stored
    host: ensure performed                              the host has done it, and not noted that
    host: ensure_server reported                        the host has noted it; nobody hears the report

A *subject* (a server or image, by name or id) may have a fate: the event after which it goes no further.
Nothing that is done for it from then on gets past the next event: its threads stand still and its reports are
held back.  So many servers wait at places of their own for the one death of their process, and each finds
itself, afterwards, as if the process had died just there.  Or another process dies, and this one `release`s them.
"""

import contextlib
import contextvars
import functools
import re
import threading
from collections import Counter, defaultdict

import msgspec

from nacre.kernel.pool import blocking
from nacre.kernel.tasks import JobState, Wait, leases
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Later
from nacre.services.compute.db import servers

QUIET = ("identity",)  # tokens come and go whoever asks, under locks that all share
DRIVER_CALLS = (
    "ensure", "remove", "start", "stop", "reboot", "pause", "unpause", "suspend", "resume", "snapshot",
    "attach_nic", "detach_nic", "expect", "send",
)  # fmt: skip
AGAIN = Later(0.1, "held back")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_scene: contextvars.ContextVar["Scene | None"] = contextvars.ContextVar("scene", default=None)


class Scene:
    """Whose story the present thread tells, and in which place of it."""

    def __init__(self, subject, place):
        self.subject, self.place = subject, place
        self.seen = Counter()


class Fates:
    """Watches one cloud."""

    def __init__(self, on_last_strike=lambda: None):
        self.stories = defaultdict(list)
        self._awaited, self._struck = {}, set()
        self._names, self._images = {}, {}
        self._held_back, self._over = [], threading.Event()
        self._lock = threading.Lock()
        self._notes, self._noted = 0, threading.Condition()
        self._on_last_strike = on_last_strike
        self._database = None

    # --- who is to stop where ---

    def arm(self, fates):
        """Let these subjects (name or id → event) go so far and no further."""
        with self._lock:
            self._awaited, self._struck = dict(fates), set()
            self._over = threading.Event()
            self._names.clear()
            self.stories.clear()

    def release(self):
        """Let everybody go on."""
        with self._lock:
            self._awaited, held_back, self._held_back = {}, self._held_back, []
            self._over.set()
        for report in held_back:
            report()

    @property
    def struck(self):
        """The subjects that have met their fate, also those by a note that is being written."""
        with self._noted:
            self._noted.wait_for(lambda: not self._notes)
        return set(self._struck)

    @contextlib.contextmanager
    def _writing_note(self):
        """Whoever sees a job's end in the database is to see here what happened with it."""
        with self._noted:
            self._notes += 1
        try:
            yield
        finally:
            with self._noted:
                self._notes -= 1
                self._noted.notify_all()

    def happened(self, subject, event):
        """Note an event; if it is the subject's fate, its story ends here."""
        with self._lock:
            story = self.stories[subject]
            if event not in story:
                story.append(event)
            if subject in self._struck or self._awaited.get(subject) != event:
                return
            self._struck.add(subject)
            last = self._struck >= self._awaited.keys()
        if last:
            self._on_last_strike()

    def stand_still(self, subject):
        """Go no further if the subject has met its fate, until all are released."""
        if subject in self._struck:
            with blocking():
                self._over.wait()

    def _is_held(self, subject):
        return subject in self._struck and not self._over.is_set()

    def _passed(self, subject, event):
        self.happened(subject, event)
        self.stand_still(subject)

    # --- where it looks ---

    def watch(self, cloud):
        """Look at everything that a cloud in one process does from now on."""
        self.watch_process(cloud.process)
        self.watch_agents(cloud.agents)

    def watch_process(self, process):
        """Look at what a process of services does from now on."""
        self._database = process.services["compute"].db
        for service in process.services.values():
            if service.name in QUIET:
                continue
            service.handle = functools.partial(self._handle, service.handle)
            service.db.run = functools.partial(self._transact, service.name, service.db.run)
            if service.runner is not None:
                service.runner.call = functools.partial(self._step, service.runner.call)
        self.watch_bus(process.bus)

    def watch_bus(self, bus):
        """Look at what is said on a bus."""
        bus.call = functools.partial(self._call, bus.call)
        bus.cast = functools.partial(self._cast, bus.cast)

    def watch_agents(self, agents):
        """Look at what hosts do."""
        for agent in agents:
            for verb in DRIVER_CALLS:
                for part in (agent.driver, vars(agent.driver).get("moves")):
                    if hasattr(part, verb):
                        setattr(part, verb, functools.partial(self._drive, verb, getattr(part, verb)))

    def _subject(self, resource):
        """Return the armed name of a resource where it has one, else its id."""
        if resource not in self._names and self._database is None:
            return resource
        if resource not in self._names:
            row = self._database.read(servers.find, resource, deleted=True)
            self._names[resource] = row.name if row is not None and row.name in self._awaited else resource
        return self._names[resource]

    def _handle(self, handle, api, req):
        if _scene.get() is not None or req.method in ("GET", "HEAD"):
            return handle(api, req)
        named = UUID.findall(req.path)
        subject = self._subject(named[0]) if named else None
        if subject is None and req.path.endswith("/servers"):
            subject = msgspec.json.decode(req.body)["server"]["name"]
        token = _scene.set(Scene(subject, f"{req.method} {UUID.sub('…', req.path)}")) if subject else None
        try:
            return handle(api, req)
        finally:
            if token is not None:
                _scene.reset(token)

    def _step(self, call, function, *args):
        run = args[1] if len(args) > 1 else None
        if run is None or run.job.resource is None:
            return call(function, *args)
        subject = self._subject(run.resource[1])
        if "image_id" in run.job.input:
            self._images[run.job.input["image_id"]] = subject
        self.stand_still(subject)
        place = f"{run.job.kind}.{function.__name__}"
        token = _scene.set(Scene(subject, place))
        try:
            outcome = call(function, *args)
        finally:
            _scene.reset(token)
        if not isinstance(outcome, Wait):
            self._passed(subject, f"{place} worked")
        return outcome

    def _transact(self, service, run, function, *args, **more):
        if function in (leases.save, leases.park):
            return self._note(run, function, *args, **more)
        scene = _scene.get() or self._upload(args)
        if scene is None:
            return run(function, *args, **more)
        self.stand_still(scene.subject)
        result = run(function, *args, **more)
        self._within(scene, f"{service} wrote {getattr(function, '__name__', 'something')}")
        return result

    def _upload(self, args):
        """A host that sends an image tells a server's story too."""
        subject = self._images.get(args[0]) if args and isinstance(args[0], str) else None
        return Scene(subject, "upload") if subject is not None else None

    def _note(self, run, function, job, *args, **more):
        if job.resource is None or job.resource.startswith("reconciler/"):
            return run(function, job, *args, **more)
        subject = self._subject(job.resource.partition("/")[2])
        self.stand_still(subject)
        with self._writing_note():
            after = run(function, job, *args, **more)
            for event in _noted(function, job, after, args[-1]):
                self.happened(subject, event)
        self.stand_still(subject)
        return after

    def _call(self, call, topic, method, message, *args, **more):
        scene = _scene.get()
        if scene is None:
            return call(topic, method, message, *args, **more)
        self.stand_still(scene.subject)
        reply = call(topic, method, message, *args, **more)
        self._within(scene, f"{method.name} answered")
        return reply

    def _cast(self, cast, topic, method, message):
        if method is not rpc.SERVER_REPORT:
            return cast(topic, method, message)
        subject = self._subject(message.status.id)
        if message.status.task is None and message.status.outcomes:
            self.happened(subject, f"host: {message.status.outcomes[-1].verb} reported")
        if self._is_held(subject):  # or it would be a word from beyond the grave
            self._held_back.append(functools.partial(cast, topic, method, message))
        else:
            cast(topic, method, message)
        return None

    def _drive(self, verb, perform, first, *args):
        """A host's few threads are not held: who met his fate is put off again and again."""
        if getattr(first, "name", None) in self._awaited:
            self._names[first.id] = first.name
        subject = self._subject(getattr(first, "id", first))
        if self._is_held(subject):
            return AGAIN
        later = perform(first, *args)
        self.happened(subject, f"host: {verb} {'begun' if isinstance(later, Later) else 'performed'}")
        return AGAIN if self._is_held(subject) else later

    def _within(self, scene, what):
        scene.seen[what] += 1
        number = scene.seen[what]
        self._passed(scene.subject, f"{scene.place}: {what}{f' ({number})' if number > 1 else ''}")


def _noted(function, job, after, values):
    """Return what a note says of a job; `after` is the job as it is then, unless it was let go of."""
    if function is leases.park:
        what = "parked" if values["state"] is JobState.WAITING else "put off"
        return [f"{job.kind}.{values.get('step', job.step)} {what}"]
    if "ended_at" in values and "history" not in values:
        return [f"{job.kind} ended"]
    before = {(each.step, each.undone_at) for each in job.history}
    new = [each for each in after.history if (each.step, each.undone_at) not in before]
    outcome = {
        each.step: "undone" if each.undone_at else "noted" if each.ended_at else "given up" for each in new
    }
    return [f"{job.kind}.{step} {what}" for step, what in outcome.items()] or [f"{job.kind} turned back"]
