"""How queries name things: `resources=VCPU:2`, `required=A,!B`, `member_of=in:…`."""

from __future__ import annotations

import re

import msgspec

from nacre.kernel.errors import BadRequest
from nacre.kernel.ids import is_uuid_like

AMOUNT = re.compile(r"([A-Z0-9_]+):([1-9][0-9]{0,9})")
NAME = re.compile(r"[A-Z0-9_]{1,255}")


class Traits(msgspec.Struct, frozen=True):
    """Alternatives of which one each is required, and those that are forbidden."""

    required: list[frozenset[str]]
    forbidden: frozenset[str]


class Aggregates(msgspec.Struct, frozen=True):
    """Alternatives of which one each is required, and those that are forbidden."""

    required: list[frozenset[str]]
    forbidden: frozenset[str]


def resources(text: str) -> dict[str, int]:
    """Read `VCPU:2,MEMORY_MB:512`."""
    found: dict[str, int] = {}
    for part in text.split(","):
        match = AMOUNT.fullmatch(part.strip())
        if not match:
            raise BadRequest(
                f"Badly formed resources parameter. Expected resources query string parameter in form: "
                f"?resources=VCPU:2,MEMORY_MB:1024. Got: {text[:200]}."
            )
        if match[1] in found:
            raise BadRequest(f"Resource class {match[1]} is named twice.")
        found[match[1]] = int(match[2])
    return found


def traits(texts: list[str], *, forbid: bool, alternatives: bool, name: str = "required") -> Traits:
    """Read `A,!B`, or `in:A,B` for one of several."""
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    for text in texts:
        if alternatives and text.startswith("in:"):
            required.append(frozenset(_trait_names(text[3:].split(","), name, text)))
            continue
        parts = [part.strip() for part in text.split(",")]
        barred = [part[1:] for part in parts if forbid and part.startswith("!")]
        wanted = [part for part in parts if not (forbid and part.startswith("!"))]
        required += [frozenset((one,)) for one in _trait_names(wanted, name, text)]
        forbidden.update(_trait_names(barred, name, text))
    if clash := forbidden & {next(iter(one)) for one in required if len(one) == 1}:
        raise BadRequest(f"Conflicting required and forbidden traits: {', '.join(sorted(clash))}.")
    return Traits(required, frozenset(forbidden))


def _trait_names(parts: list[str], name: str, text: str) -> list[str]:
    for part in parts:
        if not NAME.fullmatch(part):
            raise BadRequest(
                f"Invalid query string parameters: Expected '{name}' parameter value of the form: "
                f"HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: {text[:200]}"
            )
    return parts


def aggregates(texts: list[str], *, forbid: bool, repeated: bool) -> Aggregates:
    """Read `UUID`, `in:UUID,UUID`, and with `!` in front the ones to stay away from."""
    if len(texts) > 1 and not repeated:
        raise BadRequest("Multiple member_of parameters are not supported.")
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    for text in texts:
        bars = text.startswith("!")
        if bars and not forbid:
            raise BadRequest(
                "Forbidden member_of parameters are not supported in the specified microversion."
            )
        bare = text.removeprefix("!")
        uuids = bare.removeprefix("in:").split(",") if bare.startswith("in:") else [bare]
        for uuid in uuids:
            if not is_uuid_like(uuid):
                raise BadRequest(
                    "Invalid query string parameters: "
                    "Expected 'member_of' parameter to contain valid UUID(s). "
                    f"Got: {uuid[:60]}"
                )
        if bars:
            forbidden.update(uuids)
        else:
            required.append(frozenset(uuids))
    return Aggregates(required, frozenset(forbidden))
