"""Guests that boot for real, seen from outside: they answer ping, and SSH with a key pair, or do not."""

import re
import subprocess
import time

PATIENCE_SECONDS = 240
SSH_SECONDS = 60
USER = "cirros"


def wait_for(look, what, *, every=0.3):
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(every)


class Guest:
    """One guest at its address, as reached from a network namespace (None: the machine's own)."""

    def __init__(self, address, key, *, inside=None):
        self.address, self._key = address, key
        self._enter = ["ip", "netns", "exec", inside] if inside else []

    def ssh(self, command):
        """Run a command in the guest; return what it prints, or None if nobody answers or it fails."""
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "ConnectTimeout": "3",
            "LogLevel": "ERROR",
        }
        done = subprocess.run(
            [
                *(*self._enter, "ssh", "-i", str(self._key), "-l", USER),
                *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
                *(self.address, command),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SSH_SECONDS,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else None

    def wait_ssh(self, command, what="an answer on SSH"):
        """Ask until the guest answers something; return it."""
        return wait_for(lambda: self.ssh(command), what)

    def answers_ping(self):
        """Tell whether one of three pings is answered."""
        command = [*self._enter, "ping", "-n", "-c", "3", "-i", "0.3", "-W", "1", self.address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def reaches(self, address):
        """Tell whether the guest itself gets an answer to one of three pings."""
        return f"{self.ssh(f'sudo ping -c 3 -W 1 {address}; true')} ".find(" 100% packet loss") < 0

    def keep_pinging(self):
        """Send a ping every tenth of a second from now on."""
        return Pinging([*self._enter, "ping", "-n", "-i", "0.1", self.address])


class Pinging:
    """Pings that go on until they are counted."""

    def __init__(self, command):
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def count(self):
        """Stop; return how many were answered, and how many before the last answered one were not."""
        self._process.send_signal(2)  # ping ends in order when interrupted
        said = self._process.communicate(timeout=SSH_SECONDS)[0]
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) .*time=", said)}
        return len(answered), max(answered, default=0) - len(answered)
