"""Several processes of identity that start at the same moment on one empty database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from nacre.kernel.db import Database
from nacre.kernel.process import ServiceUser
from nacre.services.identity.db.tables import endpoints, services, users
from nacre.services.identity.setup import set_up


def test_processes_that_start_together_make_everything_once(
    make_cloud: Callable[..., Any], database_url: str
) -> None:
    config = {"database": {"url": database_url}}
    clouds = [make_cloud(["identity"], config=config, bare=True) for _ in range(4)]
    failures: list[BaseException] = []
    gate = threading.Barrier(len(clouds))

    def start(process: Any) -> None:
        gate.wait()
        try:
            user = ServiceUser(name="nacre", password="the service user's password")
            set_up(process, admin_password="a password of the administrator", service_user=user)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=start, args=(cloud.process,)) for cloud in clouds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    db: Database = clouds[0].process.services["identity"].db

    def count(table: Any) -> int:
        return int(db.read(lambda tx: tx.scalar(select(func.count()).select_from(table))))

    assert (count(users), count(services), count(endpoints)) == (2, 1, 3)
