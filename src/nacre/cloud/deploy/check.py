"""`nacre deploy check`: what is wrong with a cloud of several machines, and what mends it.

Each examination looks at one thing, from this machine, with this machine's configuration, and changes nothing.
It yields findings; what it cannot look at because something else is wrong is not found wrong twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nacre.cloud import databases, serve, settings
from nacre.cloud.deploy import examine_nodes, examine_parts, plan
from nacre.cloud.deploy.findings import Finding, Subject
from nacre.cloud.options import Mode, Options
from nacre.cloud.terminal import Terminal
from nacre.kernel.config import ConfigError
from nacre.kernel.errors import NacreError

Examination = Callable[[Subject], Iterator[Finding]]

EXAMINATIONS: tuple[tuple[str, Examination], ...] = (
    ("configuration", examine_parts.configuration),
    ("databases", examine_parts.state),
    ("keys", examine_parts.keys),
    ("broker", examine_parts.broker),
    ("control nodes", examine_nodes.control),
    ("clocks", examine_nodes.clocks),
    ("proxy", examine_nodes.proxy),
    ("agents", examine_nodes.agents),
)


def run(options: Options) -> bool:
    """Print one line for each thing that is well and all findings; tell whether there were none."""
    terminal, found = Terminal(), 0
    try:
        subject = _subject(options)
    except (ConfigError, NacreError) as error:
        _say(
            terminal,
            "configuration",
            Finding(str(error), "mend nacre.toml (docs/reference/configuration.md)"),
        )
        return False
    for name, examine in EXAMINATIONS:
        try:
            findings = list(examine(subject))
        except NacreError as error:
            text = f"cannot be looked at: {error.message} {error.detail or ''}".rstrip()
            findings = [Finding(text, "mend what is named above, then look again")]
        for finding in findings:
            _say(terminal, name, finding)
        if not findings:
            terminal.say(f"{name:14} well")
        found += len(findings)
    return not found


def _say(terminal: Terminal, name: str, finding: Finding) -> None:
    terminal.say(f"{name:14} WRONG  {finding.text}")
    terminal.say(f"{'':14} mend   {finding.remedy}")


def _subject(options: Options) -> Subject:
    """Read everything that examinations need; ConfigError where that is wrong already."""
    section, config = settings.read(options)
    settled = settings.settle(options, section, Mode(section.mode or Mode.REAL))
    key = serve.shared_key(section, config)
    if key is None:
        raise ConfigError(
            "section [cloud]: key_file: several control nodes share a key (nacre deploy key FILE)"
        )
    laid_out = plan.read(settled, config)
    state, _, database = databases.configured(options)
    state.prepare()
    state.adopt(key)
    return Subject(
        options=options,
        config=config,
        settled=settled,
        plan=laid_out,
        key=key,
        key_file=Path(section.key_file or ""),
        state=state,
        database=database,
    )
