"""`nacre db check`: is the state of every service as this release expects it?"""

from __future__ import annotations

from collections.abc import Iterator

from nacre.cloud import databases
from nacre.cloud.databases import ServiceDatabase
from nacre.cloud.options import Options
from nacre.cloud.terminal import Terminal
from nacre.kernel.db import inspection, migrations
from nacre.kernel.errors import Unavailable


def run(options: Options) -> bool:
    """Print what was looked at and what is wrong; tell whether all is well."""
    terminal = Terminal()
    well = True
    with databases.of_cloud(options) as (_, found):
        for each in found:
            try:
                engine = inspection.engine_version(each.db)
                problems = list(_problems(each))
                notes = [
                    title for schema in each.schemas for title in migrations.contractions(each.db, schema)
                ]
            except Unavailable as error:
                engine, problems, notes = "", [f"the database does not answer: {error.detail or error}"], []
            revision = f"revision {each.schema.revision}" if not problems else f"{len(problems)} problem(s)"
            terminal.say(f"{each.service:10} {engine:20} {revision}".rstrip())
            for problem in problems:
                terminal.say(f"{'':10} wrong: {problem}")
            for title in notes:
                terminal.say(f"{'':10} to be contracted (nacre db migrate --contract): {title}")
            well = well and not problems
    return well


def _problems(each: ServiceDatabase) -> Iterator[str]:
    """Yield what is wrong with one database."""
    yield from inspection.engine_problems(each.db)
    at_head = True
    for schema in each.schemas:
        found = migrations.standing(each.db, schema)
        if found.revision is None:
            yield "there are no tables yet: `nacre db migrate`"
            return
        if found.revision < schema.revision:
            yield f"the tables are at revision {found.revision}, not {schema.revision}: `nacre db migrate`"
            at_head = False
        elif found.revision > schema.revision:
            yield f"the tables are at revision {found.revision}; this older nacre knows {schema.revision}"
            at_head = False
    if not at_head:
        return
    for schema in each.schemas:
        if not migrations.contractions(each.db, schema):
            yield from inspection.table_problems(each.db, schema)
        yield from inspection.orphans(each.db, schema)
