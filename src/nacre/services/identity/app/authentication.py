"""Logging in: from proofs of identity to a token.

A request may bring several proofs at once (a password and a one-time code, say).  Each is examined
by its own method; all must hold, and all must be of the same user.  A user may be required to bring
more than one.  Then the scope is settled, and the token is weighed as it will be at its
validation, so that nobody gets one that means nothing.  Whoever fails hears only that it failed;
the reason is for the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nacre.services.identity.app import tokens
from nacre.services.identity.app.proofs import Proof, by_signature, examine
from nacre.services.identity.app.scopes import UNSCOPED, Scope, resolve
from nacre.services.identity.app.state import change
from nacre.services.identity.app.token_format import METHODS, ScopeKind, Token, new_audit_id
from nacre.services.identity.app.tokens import Grant, Void
from nacre.services.identity.db import trusts, users
from nacre.services.identity.errors import AuthenticationFailed

if TYPE_CHECKING:
    from nacre.kernel.context import Context
    from nacre.kernel.db import Transaction

log = logging.getLogger(__name__)


def log_in(ctx: Context, identity: Mapping[str, Any], asked: Mapping[str, Any] | None) -> tuple[str, Grant]:
    """Return a token, and what it means, for proofs and a scope.

    `asked` is None where the request names no scope: then the user's default project is tried.
    """
    try:
        proof = _prove(ctx, identity)
        token, grant = ctx.db.read(_settle, proof, asked, timedelta(seconds=ctx.config.token_seconds))
        if grant.trust is not None and grant.trust.remaining_uses is not None:
            change(ctx, _use_trust, grant.trust.id)
    except AuthenticationFailed as failure:
        log.info("authentication failed: %s", failure.detail)
        raise
    return tokens.issue(ctx.service, token), grant


def log_in_signed(ctx: Context, given: Mapping[str, Any]) -> tuple[str, Grant]:
    """Return a token for the owner of the EC2 credential with which a request was signed."""
    proof, scope = by_signature(ctx, given)
    token, grant = ctx.db.read(_settle, proof, scope, timedelta(seconds=ctx.config.token_seconds))
    return tokens.issue(ctx.service, token), grant


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


def _settle(
    tx: Transaction, proof: Proof, asked: Mapping[str, Any] | None, lifetime: timedelta
) -> tuple[Token, Grant]:
    """Make the token that a proof is good for; AuthenticationFailed if there is none."""
    _require_enough_methods(tx, proof)
    if proof.application_credential is not None:
        if asked is not None:
            raise AuthenticationFailed("an application credential has a scope already")
        scopes = [Scope(ScopeKind.PROJECT, proof.application_credential.project_id)]
    elif asked is not None:
        scopes = [resolve(tx, asked)]
    else:
        scopes = _default_scopes(tx, proof.user_id)
    reason = ""
    for scope in scopes:
        token = _token(tx, proof, scope, lifetime)
        try:
            return token, tokens.weigh(tx, token)
        except Void as void:
            reason = void.detail or ""
    raise AuthenticationFailed(f"user {proof.user_id} gets no token: {reason}")


def _default_scopes(tx: Transaction, user_id: str) -> list[Scope]:
    """Return the scopes to try where none was asked for: the default project, then none."""
    user = users.find(tx, user_id)
    if user is None or user.default_project_id is None:
        return [UNSCOPED]
    return [Scope(ScopeKind.PROJECT, user.default_project_id), UNSCOPED]


def _token(tx: Transaction, proof: Proof, scope: Scope, lifetime: timedelta) -> Token:
    now = tx.now()
    ends = [now + lifetime]
    if proof.expires_at is not None:
        ends.append(proof.expires_at)
    trust = trusts.find(tx, scope.id or "") if scope.kind is ScopeKind.TRUST else None
    if trust is not None and trust.expires_at is not None:
        ends.append(trust.expires_at)
    credential = proof.application_credential
    return Token(
        user_id=proof.user_id,
        methods=proof.methods,
        scope=scope.kind,
        scope_id=None if trust is not None else scope.id,
        issued_at=now,
        expires_at=min(ends),
        audit_id=new_audit_id(),
        parent_audit_id=proof.parent_audit_id,
        application_credential_id=credential.id if credential else None,
        trust_id=trust.id if trust else None,
    )


def _require_enough_methods(tx: Transaction, proof: Proof) -> None:
    """Hold the user's rules against the methods used; each rule is a list of methods that suffices.

    An application credential stands for a log-in that was made with all that was required.
    """
    user = users.find(tx, proof.user_id)
    if user is None or not user.options.get("multi_factor_auth_enabled", True):
        return
    rules: Sequence[Sequence[str]] = user.options.get("multi_factor_auth_rules") or ()
    used = set(proof.methods)
    if not rules or proof.application_credential is not None or any(set(rule) <= used for rule in rules):
        return
    raise AuthenticationFailed(f"user {user.id} must prove more than by {sorted(used)}")


def _use_trust(tx: Transaction, trust_id: str) -> None:
    if not trusts.use_once(tx, trust_id):
        raise AuthenticationFailed("the trust has no uses left")
