"""What identity keeps for the life of the process, and the one way to change its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from nacre.kernel.db import Transaction
from nacre.services.identity.app.database_keys import DatabaseKeys
from nacre.services.identity.app.keys import KeyRepository, Keys
from nacre.services.identity.app.passwords import Passwords
from nacre.services.identity.app.token_memory import TokenMemory
from nacre.services.identity.db import tokens as rows

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.service import Service

P = ParamSpec("P")
R = TypeVar("R")

_STATE = "identity"


@dataclass(frozen=True)
class State:
    """One for each Service: the keys, the passwords' costs, the tokens that are remembered."""

    token_keys: Keys
    secret_keys: Keys
    passwords: Passwords
    tokens: TokenMemory


def prepare(service: Service) -> None:
    """Make the keys where they are missing, and the state.  Called at each start."""
    options = service.config
    state = State(
        token_keys=_keys(service, "fernet"),
        secret_keys=_keys(service, "credential"),
        passwords=Passwords(options),
        tokens=TokenMemory(
            service.db,
            service.clock,
            size=options.remembered_tokens,
            refresh_seconds=options.refresh_seconds,
        ),
    )
    state.token_keys.prepare()
    state.secret_keys.prepare()
    service.memory[_STATE] = state


def _keys(service: Service, name: str) -> Keys:
    """Return a repository of keys: where control nodes share a key, in the database, else in a directory."""
    shared, active = service.process.shared_key, service.config.active_keys
    if shared is not None:
        return DatabaseKeys(service.db, service.clock, shared, name, active=active)
    return KeyRepository(service.process.state / "keys" / name, active=active)


def state_of(service: Service) -> State:
    """Return what the service keeps."""
    state: State = service.memory[_STATE]
    return state


def change(ctx: Context, f: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `f(tx, …)` as a transaction that may change what tokens mean.

    All writes of identity go this way, except those that no token depends on.
    """
    tokens = state_of(ctx.service).tokens

    def counted(tx: Transaction) -> R:
        result = f(tx, *args, **kwargs)
        number = rows.advance(tx)
        tx.after_commit(lambda: tokens.advance(number))
        return result

    return ctx.db.run(counted)


def seal_secret(service: Service, text: str) -> str:
    """Encrypt something that must be read again later: the secret of an EC2 credential, say."""
    return state_of(service).secret_keys.encrypt(text.encode()).decode()


def unseal_secret(service: Service, sealed: str) -> str:
    """Decrypt what `seal_secret` made."""
    return state_of(service).secret_keys.decrypt(sealed.encode()).decode()
