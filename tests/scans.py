"""Every UPDATE and DELETE of the services finds its rows by an index.

One that looks at every row takes ever longer, and on MariaDB it waits for whoever holds any of them: two of those
at once are a deadlock.  SQLite says what it would do with each statement, however few rows there are.
"""

import re

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

#: Tables of one row, and what the kernel's tests play with.
SMALL = re.compile(r"\w*revision(_contracted)?|things|boxes")


@pytest.fixture(scope="session", autouse=True)
def no_write_scans():
    """Fail, as the statement runs, the first time that one would look at a whole table."""
    seen = set()

    def look(connection, cursor, statement, parameters, context, executemany):
        if (
            connection.dialect.name != "sqlite"
            or statement in seen
            or not (context.isupdate or context.isdelete)
        ):
            return
        seen.add(statement)
        given = parameters[0] if executemany else parameters
        plans = connection.connection.cursor()
        plan = [row[3] for row in plans.execute(f"EXPLAIN QUERY PLAN {statement}", given)]
        plans.close()
        table = context.compiled.statement.table.name if context.compiled else statement.split()[1]
        scanned = any(line.split()[:2] == ["SCAN", table] for line in plan)
        assert not scanned or SMALL.fullmatch(table), f"{statement}: {plan}"

    event.listen(Engine, "before_cursor_execute", look)
    yield
    event.remove(Engine, "before_cursor_execute", look)
