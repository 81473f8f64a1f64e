"""How clients find the cloud: clouds.yaml for two users, and two files for the shell."""

from __future__ import annotations

import shlex

import yaml

from nacre.cloud.settings import Settings
from nacre.cloud.state import Secrets, StateDirectory, write_private


def write(
    state: StateDirectory, settings: Settings, secrets: Secrets, auth_url: str, *, ca: str | None = None
) -> None:
    """Write clouds.yaml, openrc and openrc-admin; again at every start, since addresses may change.

    `ca` is the file of the authority that vouches for the APIs, where clients' systems do not know that.
    """
    demo = _auth(auth_url, "demo", secrets.demo_password, "demo")
    admin = _auth(auth_url, "admin", secrets.admin_password, "admin")
    _write_clouds(state, settings, {"nacre": demo, "nacre-admin": admin}, ca)
    write_private(state.root / "openrc", _openrc(demo, settings, ca))
    write_private(state.root / "openrc-admin", _openrc(admin, settings, ca))


def write_admin(
    state: StateDirectory, settings: Settings, secrets: Secrets, auth_url: str, *, ca: str | None = None
) -> None:
    """Write them for a cloud that has no demo user."""
    admin = _auth(auth_url, "admin", secrets.admin_password, "admin")
    _write_clouds(state, settings, {"nacre-admin": admin}, ca)
    write_private(state.root / "openrc-admin", _openrc(admin, settings, ca))


def _write_clouds(
    state: StateDirectory, settings: Settings, auths: dict[str, dict[str, str]], ca: str | None
) -> None:
    clouds = {
        name: {
            "auth": auth,
            "region_name": settings.region,
            "identity_api_version": 3,
            "interface": "public",
            **({"cacert": ca} if ca else {}),
        }
        for name, auth in auths.items()
    }
    write_private(state.root / "clouds.yaml", yaml.safe_dump({"clouds": clouds}, sort_keys=False))


def _auth(auth_url: str, user: str, password: str, project: str) -> dict[str, str]:
    return {
        "auth_url": auth_url,
        "username": user,
        "password": password,
        "project_name": project,
        "user_domain_id": "default",
        "project_domain_id": "default",
    }


def _openrc(auth: dict[str, str], settings: Settings, ca: str | None) -> str:
    names = auth | {
        "region_name": settings.region,
        "identity_api_version": "3",
        "interface": "public",
        "auth_type": "password",
        **({"cacert": ca} if ca else {}),
    }
    return "".join(f"export OS_{name.upper()}={shlex.quote(value)}\n" for name, value in names.items())
