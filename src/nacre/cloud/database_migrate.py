"""`nacre db migrate`: bring the tables of all services to this release, in two halves.

Expanding adds what this release needs and takes nothing from processes of the release before, so it may be
done while they run (each process does it too, when it starts).  Contracting takes away what only they need.
"""

from __future__ import annotations

from nacre.cloud import databases
from nacre.cloud.databases import ServiceDatabase
from nacre.cloud.options import Options
from nacre.cloud.state import StateDirectory
from nacre.cloud.terminal import Terminal
from nacre.kernel.attendance import living
from nacre.kernel.db import migrations
from nacre.kernel.db.kernel_tables import known_revision
from nacre.kernel.errors import Conflict


def run(options: Options, *, expand: bool = True, contract: bool = True) -> None:
    """Expand, contract, or both; say what was done for each service."""
    terminal = Terminal()
    with databases.of_cloud(options) as (state, found):
        if contract:
            for each in found:
                _refuse_while_older_ones_live(each, state)
        for each in found:
            done: list[str] = []
            for schema in each.schemas:
                if expand:
                    done += [f"expanded: {title}" for title in migrations.expand(each.db, schema)]
                if contract:
                    done += [f"contracted: {title}" for title in migrations.contract(each.db, schema)]
            left = [title for schema in each.schemas for title in migrations.contractions(each.db, schema)]
            done += [f"still to be contracted: {title}" for title in left]
            for line in done or ["nothing to do"]:
                terminal.say(f"{each.service:10} {line}")


def _refuse_while_older_ones_live(each: ServiceDatabase, state: StateDirectory) -> None:
    """Raise Conflict where a process of an older release uses a database."""
    ours = known_revision(each.schema)
    older = [row for row in each.db.read(living, state.root / "db") if row.revision < ours]
    if older:
        raise Conflict(
            f"The tables of {each.service} cannot be contracted while older processes use them:"
            f" {', '.join(row.where for row in older)}.",
            detail="`nacre db migrate --expand` may be done at any time; end them, then do the rest.",
        )
