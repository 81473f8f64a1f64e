"""A network namespace with a bridge, DHCP, router advertisements and metadata, and guests that boot in it.

Nothing here touches the machine's own network, and all of it is gone with the namespace.
"""

import contextlib
import json
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).parent
BRIDGE, HOST_ADDRESS, GUEST_ADDRESS, SECOND_ADDRESS = "br0", "10.61.0.1", "10.61.0.11", "10.61.0.12"
FIXED_ADDRESS = "10.61.0.77"
MTU = 1420
MAC, SECOND_MAC = "52:54:00:61:00:0b", "52:54:00:61:00:0c"
PATIENCE_SECONDS = 240  # for a boot on a machine that does other things besides
POLL_SECONDS = 0.1


class Lab:
    """The namespace; `start` boots a guest in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.namespace = f"nacre-image-{secrets.token_hex(4)}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.public_key = self.key.with_suffix(".pub").read_text().strip()
        self.metadata = directory / "metadata"
        self.metadata.mkdir()

    def open(self) -> None:
        """Make the namespace with all that is in it."""
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        for line in (
            "link set lo up",
            f"link add {BRIDGE} type bridge",
            f"link set {BRIDGE} up",
            f"address add {HOST_ADDRESS}/24 dev {BRIDGE}",
            f"address add 169.254.169.254/32 dev {BRIDGE}",
            f"address add fd00:61::1/64 dev {BRIDGE} nodad",
        ):
            self.ip(*line.split())
        for tap in ("tap0", "tap1"):
            self.ip("tuntap", "add", tap, "mode", "tap")
            self.ip("link", "set", tap, "master", BRIDGE, "up")
        self._spawn(
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--no-hosts"),
            *(f"--interface={BRIDGE}", "--bind-interfaces", "--no-resolv", "--no-ping"),
            *(f"--dhcp-leasefile={self.directory / 'leases'}", "--pid-file", "--user=root"),
            *(f"--dhcp-range={HOST_ADDRESS},static", "--dhcp-range=fd00:61::,ra-only", "--enable-ra"),
            *(f"--dhcp-host={MAC},{GUEST_ADDRESS}", f"--dhcp-host={SECOND_MAC},{SECOND_ADDRESS}"),
            f"--dhcp-option=option:mtu,{MTU}",
            # a server that gives static routes means them to replace the router (RFC 3442)
            "--dhcp-option=option:router,10.61.0.254",
            "--dhcp-option=option:classless-static-route"
            f",169.254.169.254/32,{HOST_ADDRESS},0.0.0.0/0,{HOST_ADDRESS},192.0.2.0/24,10.61.0.9",
        )
        self._spawn(sys.executable, HERE / "metadata_server.py", self.metadata)

    def close(self) -> None:
        """End everything that was started here."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        subprocess.run(["ip", "netns", "delete", self.namespace], check=True)

    def ip(self, *arguments: str) -> None:
        """Run ip in the namespace."""
        subprocess.run(["ip", "-netns", self.namespace, *arguments], check=True)

    def inside(self, *command: str | Path) -> list[str | Path]:
        """Return `command` as it is run in the namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def _spawn(self, *command: str | Path) -> subprocess.Popen[bytes]:
        log = self.directory / f"{len(self._processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.inside(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._processes.append(process)
        return process

    def serve_metadata(self, files: Mapping[str, str]) -> None:
        """Let the metadata service answer with `files`."""
        write_files(self.metadata, files)

    def config_drive(self, files: Mapping[str, str]) -> Path:
        """Return a configuration drive with `files`."""
        tree = Path(self.directory, f"config-{secrets.token_hex(4)}")
        write_files(tree, files)
        image = tree.with_suffix(".iso")
        subprocess.run(["genisoimage", "-quiet", "-r", "-J", "-V", "config-2", "-o", image, tree], check=True)
        return image

    def server_files(self, **changes: object) -> dict[str, str]:
        """Return the files that describe a server, with a script that leaves a trace."""
        meta_data = {
            "uuid": "0e0a7a3c-2f6f-4a2a-8f59-5a3a5f3a0001",
            "name": "guest one",
            "hostname": "guest-one.example.org",
            "meta": {"hostname": 'a "trap" \\', "list": "[1, {2"},
            "public_keys": {"mine": f"{self.public_key}\n"},
            "launch_index": 0,
        } | changes
        script = "#!/bin/sh\necho user-data-ran-as $(id -un)\necho ran >> /root/user-data-runs\n"
        return {
            "openstack/latest/meta_data.json": json.dumps(meta_data),
            "openstack/latest/user_data": script,
        }

    @contextlib.contextmanager
    def start(
        self,
        image: Path,
        *arguments: str | Path,
        config_drive: Path | None = None,
        image_format: str = "qcow2",
    ) -> Iterator["Guest"]:
        """Boot a guest from a copy-on-write copy of `image`, and end it."""
        disk = self.directory / f"{secrets.token_hex(4)}.qcow2"
        backing = ("-F", image_format, "-b", image)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, disk, "3G"], check=True)
        guest = Guest(self, disk)
        guest.start(*arguments, config_drive=config_drive)
        try:
            yield guest
        finally:
            guest.stop()


class Guest:
    """One QEMU process."""

    def __init__(self, lab: Lab, disk: Path) -> None:
        self.lab, self.disk = lab, disk
        self.console = disk.with_suffix(".console")
        self._monitor = disk.with_suffix(".monitor")
        self.agent = disk.with_suffix(".agent")

    def start(self, *arguments: str | Path, config_drive: Path | None = None) -> None:
        """Boot, with more arguments for QEMU."""
        self.console.write_bytes(b"")
        drives = [f"file={self.disk},if=virtio,format=qcow2,cache=unsafe"]
        if config_drive:
            drives.append(f"file={config_drive},if=virtio,format=raw,readonly=on")
        self.process = self.lab._spawn(
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,tb-size=128", "-m", "512"),
            *("-display", "none", "-serial", f"file:{self.console}"),
            *("-monitor", f"unix:{self._monitor},server=on,wait=off"),
            *(word for drive in drives for word in ("-drive", drive)),
            *("-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net0,mac={MAC}"),
            *("-device", "pcie-root-port,id=port1,chassis=1"),
            *("-smbios", "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova"),
            *("-device", "virtio-rng-pci"),
            *(
                "-device",
                "virtio-serial-pci",
                "-chardev",
                f"socket,id=agent,path={self.agent},server=on,wait=off",
            ),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            *arguments,
        )

    def stop(self) -> None:
        """Pull the plug."""
        self.process.kill()
        self.process.wait()

    def read_console(self) -> str:
        """Return what the guest wrote to its console so far."""
        return self.console.read_text(errors="replace")

    def wait_for(self, text: str) -> str:
        """Wait until the console shows `text`; return all that it shows."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in (shown := self.read_console()):
            assert self.process.poll() is None, f"QEMU ended\n{shown}"
            assert time.monotonic() < deadline, f"no {text!r} on the console:\n{shown}"
            time.sleep(POLL_SECONDS)
        return shown

    def wait_until_off(self) -> None:
        """Wait until the guest has switched itself off."""
        self.process.wait(timeout=PATIENCE_SECONDS)

    def command(self, line: str) -> None:
        """Give QEMU a command."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self._monitor))
            with monitor.makefile("rw") as stream:
                stream.readline()  # the greeting
                stream.write(f"{line}\n")
                stream.flush()
                stream.readline()  # its echo: the command was read

    def ask_agent(self, execute: str, **arguments: object) -> object:
        """Call QEMU's guest agent in the guest, and return what it returned."""
        with self._agent_channel(execute, arguments) as stream:
            answer = json.loads(stream.readline())
        assert "return" in answer, answer
        return answer["return"]

    def ask_agent_and_forget(self, execute: str, **arguments: object) -> None:
        """Call QEMU's guest agent for what it does not answer."""
        with self._agent_channel(execute, arguments):
            pass

    @contextlib.contextmanager
    def _agent_channel(self, execute: str, arguments: Mapping[str, object]) -> Iterator[TextIO]:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(PATIENCE_SECONDS)
            channel.connect(str(self.agent))
            with channel.makefile("rw") as stream:
                stream.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
                stream.flush()
                yield stream

    def ssh(self, command: str, *, user: str = "root", address: str = GUEST_ADDRESS) -> str:
        """Run a command in the guest and return what it printed."""
        client = shutil.which("ssh")
        assert client
        done = subprocess.run(
            self.lab.inside(
                *(client, "-q", "-F", "/dev/null", "-i", self.lab.key, "-o", "BatchMode=yes"),
                *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
                *("-o", f"ConnectTimeout={PATIENCE_SECONDS}", f"{user}@{address}", command),
            ),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def has_password(self, user: str, password: str, *, address: str = GUEST_ADDRESS) -> bool:
        """Compare `password` with the encrypted one in the guest."""
        encrypted = self.ssh(f"grep ^{user}: /etc/shadow | cut -d : -f 2", address=address)
        _, method, salt, _ = encrypted.split("$")
        assert method == "6"
        command = shlex.join(["mkpasswd", "-m", "sha512", "-S", salt, password])
        return self.ssh(command, address=address) == encrypted


def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


def write_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write `files`, which may be in folders, below `directory`."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
