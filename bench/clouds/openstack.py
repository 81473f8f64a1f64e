"""The real OpenStack."""

from clouds.cloud import Cloud
from drive.session import Login
from peer import accounts, install, places, reply_poll, schemas, services, settings


class OpenStack(Cloud):
    """OpenStack from PyPI with MariaDB, RabbitMQ and memcached, two workers for each API."""

    name = "openstack"
    title = f"OpenStack {places.RELEASE}"

    def prepare(self) -> None:
        places.prepare()
        install.install()
        reply_poll.repair()
        places.INFRASTRUCTURE.start()
        settings.write()
        schemas.make()
        services.start(["keystone"])
        services.wait(["keystone"])
        accounts.make()
        schemas.announce_agent()
        self.start_services()
        services.wait()
        schemas.map_host()

    def close(self) -> None:
        services.stop()
        places.INFRASTRUCTURE.stop()

    def stop_services(self) -> None:
        services.stop()

    def start_services(self) -> None:
        services.start()

    def answers_at(self) -> list[str]:
        return [places.api_url(name) + path for name, path in services.ANSWERS_AT.items()]

    def leaders(self) -> list[int]:
        return list(places.DAEMONS.pids().values())

    def login(self) -> Login:
        return accounts.LOGIN

    def versions(self) -> str:
        return ", ".join(install.versions("keystone", "openstack-placement", "glance", "nova", "neutron"))
