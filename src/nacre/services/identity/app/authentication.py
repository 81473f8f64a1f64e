"""Logging in: from proofs of identity to a token.

A request may bring several proofs at once (a password and a one-time code, say).  Each is examined
by its own method; all must hold, and all must be of the same user.  A user may be required to bring
more than one.  Then the scope is settled, and the token is weighed as it will be at its
validation, so that nobody gets one that means nothing.  Whoever fails hears only that it failed;
the reason is for the log.

A token must not outlive what was taken away a moment ago in another process, for it may be too young
for a revocation of all earlier ones.  So before a new one is made, this process looks whether others
have written, however lately it did so last.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nacre.services.identity.app import tokens
from nacre.services.identity.app.proofs import Proof, by_signature, examine
from nacre.services.identity.app.scopes import UNSCOPED, Scope, resolve
from nacre.services.identity.app.standings import Standing, Void, standing_of
from nacre.services.identity.app.state import change, state_of
from nacre.services.identity.app.token_format import METHODS, ScopeKind, Token, new_audit_id
from nacre.services.identity.app.tokens import Grant
from nacre.services.identity.db import trusts, users
from nacre.services.identity.db.users import User
from nacre.services.identity.errors import AuthenticationFailed

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

log = logging.getLogger(__name__)


def log_in(ctx: Context, identity: Mapping[str, Any], asked: Mapping[str, Any] | None) -> tuple[str, Grant]:
    """Return a token, and what it means, for proofs and a scope.

    `asked` is None where the request names no scope: then the user's default project is tried.
    """
    state_of(ctx.service).tokens.look()
    try:
        token, standing = _settle(ctx, _prove(ctx, identity), asked)
        if standing.trust is not None and standing.trust.remaining_uses is not None:
            change(ctx, _use_trust, standing.trust.id)
    except AuthenticationFailed as failure:
        log.info("authentication failed: %s", failure.detail)
        raise
    return tokens.issue(ctx.service, token)


def log_in_signed(ctx: Context, given: Mapping[str, Any]) -> tuple[str, Grant]:
    """Return a token for the owner of the EC2 credential with which a request was signed."""
    state_of(ctx.service).tokens.look()
    proof, scope = by_signature(ctx, given)
    token, _ = _settle(ctx, proof, scope)
    return tokens.issue(ctx.service, token)


def _prove(ctx: Context, identity: Mapping[str, Any]) -> Proof:
    """Examine every method of the request and return what they show together."""
    proofs = [examine(ctx, method, identity[method]) for method in dict.fromkeys(identity["methods"])]
    if len({proof.user_id for proof in proofs}) != 1:
        raise AuthenticationFailed("the proofs are of different users")
    used = {method for proof in proofs for method in proof.methods}
    ends = [proof.expires_at for proof in proofs if proof.expires_at is not None]
    parents = [proof.parent_audit_id for proof in proofs if proof.parent_audit_id]
    credentials = [p.application_credential for p in proofs if p.application_credential is not None]
    return Proof(
        user_id=proofs[0].user_id,
        methods=tuple(method for method in METHODS if method in used),
        expires_at=min(ends, default=None),
        parent_audit_id=parents[0] if parents else None,
        application_credential=credentials[0] if credentials else None,
    )


def _settle(ctx: Context, proof: Proof, asked: Mapping[str, Any] | None) -> tuple[Token, Standing]:
    """Make the token that a proof is good for; AuthenticationFailed if there is none."""
    reason = ""
    for scope in _scopes(ctx, proof, asked):
        token = _token(ctx, proof, scope)
        try:
            standing = standing_of(ctx.service, token)
        except Void as void:
            reason = void.detail or ""
        else:
            _require_enough_methods(proof, standing.bearer)
            return token, standing
    raise AuthenticationFailed(f"user {proof.user_id} gets no token: {reason}")


def _scopes(ctx: Context, proof: Proof, asked: Mapping[str, Any] | None) -> list[Scope]:
    """Return the scopes to try; where none was asked for, the default project and then none."""
    if proof.application_credential is not None:
        if asked is not None:
            raise AuthenticationFailed("an application credential has a scope already")
        return [Scope(ScopeKind.PROJECT, proof.application_credential.project_id)]
    if asked is not None:
        return [resolve(ctx.db, asked)]
    user = ctx.db.read(users.find, proof.user_id)
    if user is None or user.default_project_id is None:
        return [UNSCOPED]
    return [Scope(ScopeKind.PROJECT, user.default_project_id), UNSCOPED]


def _token(ctx: Context, proof: Proof, scope: Scope) -> Token:
    now, trust, credential = ctx.clock.now(), scope.trust, proof.application_credential
    ends = [now + timedelta(seconds=ctx.config.token_seconds)]
    if proof.expires_at is not None:
        ends.append(proof.expires_at)
    if trust is not None and trust.expires_at is not None:
        ends.append(trust.expires_at)
    return Token(
        user_id=proof.user_id,
        methods=proof.methods,
        scope=scope.kind,
        scope_id=scope.id,
        issued_at=now,
        expires_at=min(ends),
        audit_id=new_audit_id(),
        parent_audit_id=proof.parent_audit_id,
        application_credential_id=credential.id if credential else None,
        trust_id=trust.id if trust else None,
    )


def _require_enough_methods(proof: Proof, user: User) -> None:
    """Hold the user's rules against the methods used; each rule is a list of methods that suffices.

    An application credential stands for a log-in that was made with all that was required.
    """
    if not user.options.get("multi_factor_auth_enabled", True):
        return
    rules: Sequence[Sequence[str]] = user.options.get("multi_factor_auth_rules") or ()
    used = set(proof.methods)
    if not rules or proof.application_credential is not None or any(set(rule) <= used for rule in rules):
        return
    raise AuthenticationFailed(f"user {user.id} must prove more than by {sorted(used)}")


def _use_trust(tx: Transaction, trust_id: str) -> None:
    if not trusts.use_once(tx, trust_id):
        raise AuthenticationFailed("the trust has no uses left")
