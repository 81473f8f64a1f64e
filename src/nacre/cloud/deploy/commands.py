"""What `nacre deploy …` does."""

from __future__ import annotations

from pathlib import Path

from nacre.cloud import credentials, serve, settings
from nacre.cloud.deploy import haproxy, plan
from nacre.cloud.options import Mode, Options
from nacre.cloud.settings import Settings
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel import shared_key
from nacre.kernel.config import ConfigFile
from nacre.kernel.errors import Conflict, NotFound


def make_key(path: Path) -> None:
    """Make the secret that all control nodes share."""
    try:
        shared_key.make(path)
    except FileExistsError:
        raise Conflict(
            f"{path} exists already.",
            detail="A cloud whose key is lost or replaced cannot read its tokens' keys; move the file first.",
        ) from None
    print_lines(
        f"{path} is the key of the cloud: copy it to every control node, readable by nacre only.",
        f"its fingerprint is {shared_key.SharedKey.read(path).fingerprint}",
    )


def print_haproxy(options: Options) -> None:
    """Print HAProxy's configuration."""
    settled, config = settle(options)
    print_lines(haproxy.render(plan.read(settled, config)).rstrip("\n"))


def write_credentials(options: Options) -> None:
    """Write clouds.yaml and openrc-admin for the administrator of a cloud of several machines."""
    settled, config = settle(options)
    section, _ = settings.read(options)
    key = serve.shared_key(section, config)
    state = StateDirectory(options.state)
    if key is None:
        raise NotFound(
            "This cloud has no key that control nodes share ([cloud] key_file).",
            detail="`nacre up` writes the credentials of a cloud of one control node.",
        )
    state.prepare()
    state.adopt(key)
    auth_url = f"{serve.identity_address(settled, config)}/v3"
    ca = config.section("deploy", plan.DeploySection).ca
    credentials.write_admin(state, settled, state.secrets(), auth_url, ca=ca)
    print_lines(
        f". {state.root / 'openrc-admin'}",
        f"export OS_CLIENT_CONFIG_FILE={state.root / 'clouds.yaml'} OS_CLOUD=nacre-admin",
    )


def settle(options: Options) -> tuple[Settings, ConfigFile]:
    """Return the settings and the file that they come from."""
    section, config = settings.read(options)
    return settings.settle(options, section, Mode(section.mode or Mode.REAL)), config


def print_lines(*lines: str) -> None:
    """Print what the operator asked for."""
    terminal = Terminal()
    for line in lines:
        terminal.say(line)
