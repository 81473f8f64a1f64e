"""Examinations of what processes stand on: the configuration, databases, keys, the broker."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nacre.cloud import databases
from nacre.cloud.deploy.findings import Finding, Subject
from nacre.kernel import errors
from nacre.kernel.bus import BusOptions, Method
from nacre.kernel.bus.amqp import AmqpBus
from nacre.kernel.bus.broker_accounts import BrokerAccounts
from nacre.kernel.config import ConfigError
from nacre.kernel.db import migrations
from nacre.kernel.shared_key import WrongKey
from nacre.services import manifests
from nacre.services.identity.db import keys as sealed_keys

BROKER_SECONDS = 15.0


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """What the check says to itself over the broker."""

    text: str


PING = Method("ping", Ping, Ping)


def configuration(subject: Subject) -> Iterator[Finding]:
    """Every section that this node's services read, and what must be shared between nodes."""
    for manifest in manifests():
        try:
            subject.config.section(manifest.name, manifest.options)
        except ConfigError as error:
            yield Finding(str(error), "mend nacre.toml (docs/reference/configuration.md)")
    if subject.database.url is None:
        yield Finding(
            "state is kept in SQLite files of this machine, which other control nodes do not see",
            'set [database] url = "postgresql://…/nacre_{service}"; `nacre db move` carries a cloud over',
        )
    directory = subject.config.values("image").get("directory")
    if directory is None:
        yield Finding(
            "images are kept on this machine, and other control nodes cannot serve them",
            "set [image] directory to one that all control nodes share (NFS, CephFS …)",
        )
    elif Path(directory).is_dir() and not os.access(directory, os.W_OK):
        yield Finding(f"{directory}, where images are kept, cannot be written", f"chown it: {directory}")
    if not subject.config.values("process").get("drain_seconds"):
        yield Finding(
            "processes that are restarted do not wait until HAProxy has noticed",
            "set [process] drain_seconds = 3",
        )


def state(subject: Subject) -> Iterator[Finding]:
    """Every database answers and has the tables that this release expects."""
    urls = {
        manifest.name: databases.url_of(subject.database, subject.state, manifest.name)
        for manifest in manifests()
    }
    with databases.opened(urls) as found:
        for each in found:
            try:
                for schema in each.schemas:
                    revision = migrations.standing(each.db, schema).revision
                    if revision is None:
                        yield Finding(
                            f"the database of {each.service} has no tables yet",
                            "nacre db migrate, or start any process that serves it",
                        )
                        break
                    if revision != schema.revision:
                        yield Finding(
                            f"the database of {each.service} is at revision {revision}, not {schema.revision}",
                            "nacre db migrate"
                            if revision < schema.revision
                            else "this nacre is older than others: bring it up to their release",
                        )
            except errors.Unavailable as error:
                yield Finding(
                    f"the database of {each.service} does not answer: {error.detail or error}",
                    "see [database] url, the server, and the account's rights there",
                )


def keys(subject: Subject) -> Iterator[Finding]:
    """This node's key opens what the others sealed."""
    url = databases.url_of(subject.database, subject.state, "identity")
    with databases.opened({"identity": url}) as (identity,):
        try:
            sealed = identity.db.read(sealed_keys.newest_first, "fernet")
        except errors.Unavailable:
            return  # found wrong already
        try:
            for each in sealed:
                subject.key.unseal(each)
        except WrongKey:
            yield Finding(
                f"{subject.key_file} (fingerprint {subject.key.fingerprint}) is not the key of this cloud",
                "copy the key file from another control node, where `nacre deploy check` finds it right",
            )
    if not sealed:
        yield Finding("identity has made no keys yet", "start a process that serves identity")


def broker(subject: Subject) -> Iterator[Finding]:
    """The broker takes our messages, makes replicated queues, and can be managed."""
    options = subject.config.section("bus", BusOptions)
    bus = AmqpBus(options, name="deploy-check")
    try:
        if not bus.wait_until_connected(BROKER_SECONDS):
            yield Finding(
                f"the broker does not let us in within {BROKER_SECONDS:.0f} seconds",
                "see [bus] url and password_file, RabbitMQ's log, and `rabbitmqctl authenticate_user`",
            )
            return
        topic = f"deploy-check.{secrets.token_hex(4)}"
        bus.serve(topic, {PING: lambda ping: ping}, group="deploy-check")
        bus.call(topic, PING, Ping(text="hello"), BROKER_SECONDS)
    except errors.NacreError as error:
        yield Finding(
            f"the broker makes no queues for us: {error.detail or error}",
            "RabbitMQ 3.8 or later with quorum queues, and an account that may configure, write and read all",
        )
    finally:
        bus.close()
    if options.management_url is None:
        yield Finding(
            "hosts cannot join, for the broker's accounts cannot be managed",
            "rabbitmq-plugins enable rabbitmq_management, then set [bus] management_url and its account",
        )
        return
    try:
        BrokerAccounts(options, ()).overview()
    except errors.Unavailable as error:
        yield Finding(
            f"the broker cannot be managed: {error.detail or error}",
            "see [bus] management_url; its account needs the tag administrator",
        )
