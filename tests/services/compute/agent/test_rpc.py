"""The messages between control plane and host may gain optional fields and lose none.

``rpc_shapes.json`` records what was agreed before: hosts are upgraded one at a time, so old and new must
understand each other.  A test run with ``NACRE_RECORD=1`` adds what is new to it, and never takes anything away.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nacre.kernel.bus import Method
from nacre.services.compute import rpc

RECORD = Path(__file__).parent / "rpc_shapes.json"
MESSAGES = {
    kind.__name__: kind
    for kind in vars(rpc).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
}
METHODS = {method.name: method for method in vars(rpc).values() if isinstance(method, Method)}


def shapes() -> dict[str, Any]:
    return {
        "messages": {
            name: {field.encode_name: field.required for field in msgspec.structs.fields(kind)}
            for name, kind in sorted(MESSAGES.items())
        },
        "methods": {
            name: [method.message.__name__, method.reply.__name__ if method.reply else None]
            for name, method in sorted(METHODS.items())
        },
    }


def test_no_agreed_message_lost_a_field_or_grew_a_demand() -> None:
    now, agreed = (
        shapes(),
        json.loads(RECORD.read_text()) if RECORD.exists() else {"messages": {}, "methods": {}},
    )
    problems = []
    for name, method in agreed["methods"].items():
        if now["methods"].get(name) != method:
            problems.append(f"method {name} was {method} and is {now['methods'].get(name)}")
    for name, fields in agreed["messages"].items():
        present = now["messages"].get(name, {})
        problems += [f"{name}.{field} is gone" for field in fields if field not in present]
        problems += [
            f"{name}.{field} is demanded, and older senders do not send it"
            for field, required in present.items()
            if required and not fields.get(field, False)
        ]
    assert not problems
    if os.environ.get("NACRE_RECORD"):
        RECORD.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(RECORD.read_text()), "something new: record it with NACRE_RECORD=1"


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_is_frozen_and_survives_the_wire_with_unknown_fields(name: str) -> None:
    kind = MESSAGES[name]
    assert kind.__struct_config__.frozen
    schema = msgspec.json.schema(kind)
    assert schema
    assert not kind.__struct_config__.forbid_unknown_fields
