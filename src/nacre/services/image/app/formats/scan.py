"""One pass over a stream: each probe sees what it asks for, and nothing is read twice."""

from __future__ import annotations

from nacre.services.image.app.formats import qcow2, simple, vhd, vhdx, vmdk
from nacre.services.image.app.formats.findings import (
    HEAD_BYTES,
    LARGEST_PART,
    Finding,
    Inquiry,
    Part,
    Probe,
)

TAIL_BYTES = 4096

PROBES: tuple[Probe, ...] = (
    qcow2.probe,
    vmdk.probe,
    vhd.probe,
    vhdx.probe,
    simple.vdi,
    simple.iso,
    simple.luks,
    simple.ploop,
    simple.foreign,
)


class Scan:
    """Fed with a stream in blocks of any size; `findings` grows as soon as something is certain."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.size = 0
        self._head: bytearray | None = bytearray()
        self._tail = b""
        self._inquiries: list[_Inquirer] = []

    def feed(self, block: bytes | bytearray) -> None:
        """Look at the next bytes."""
        start = self.size
        self.size += len(block)
        if len(block) >= TAIL_BYTES:
            self._tail = bytes(block[-TAIL_BYTES:])
        else:
            self._tail = (self._tail + block)[-TAIL_BYTES:]
        if self._head is not None:
            self._head += block[: HEAD_BYTES - len(self._head)]
            if len(self._head) < HEAD_BYTES:
                return
            self._begin(block, start)
        elif self._inquiries:
            self._carry_on(block, start)

    def finish(self) -> list[Finding]:
        """Return everything that the stream is, once it has ended."""
        if self._head is not None:
            self._begin(b"", self.size)
        for inquirer in self._inquiries:
            self._note(inquirer.end(self._tail, self.size))
        self._inquiries = []
        return self.findings

    def _begin(self, block: bytes | bytearray, start: int) -> None:
        """Show the first bytes to all probes; what is left of this block goes to those who want more."""
        assert self._head is not None
        head, self._head = bytes(self._head), None
        for probe in PROBES:
            answer = probe(head)
            if answer is None or isinstance(answer, Finding):
                self._note(answer)
            else:
                self._inquiries.append(_Inquirer(answer, head))
        self._carry_on(block, start)

    def _carry_on(self, block: bytes | bytearray, start: int) -> None:
        for inquirer in self._inquiries:
            inquirer.take(block, start)
        for inquirer in [each for each in self._inquiries if each.ended]:
            self._inquiries.remove(inquirer)
            self._note(inquirer.answer)

    def _note(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.append(finding)


class _Inquirer:
    """Gathers the parts that one probe asks for, in the order in which the stream brings them."""

    def __init__(self, inquiry: Inquiry, head: bytes) -> None:
        self._inquiry, self._head = inquiry, head
        self.ended, self.answer = False, None
        self._wanted, self._gathered = Part(0, 0), bytearray()
        self._ask(None)

    def _ask(self, data: bytes | None) -> None:
        """Hand over a part and hear what is wanted next."""
        while not self.ended:
            try:
                self._wanted = next(self._inquiry) if data is None else self._inquiry.send(data)
            except StopIteration as end:
                self.ended, self.answer = True, end.value
                return
            self._gathered = bytearray()
            part = self._wanted
            if part.length > LARGEST_PART or part.offset > 2**63:
                data = b""  # no header of an honest image is that long, or that far away
            elif part.offset >= 0 and part.offset + part.length <= len(self._head):
                data = self._head[part.offset : part.offset + part.length]
            else:
                return

    def take(self, block: bytes | bytearray, start: int) -> None:
        """Pick what is wanted out of a block, and then what is wanted next, as long as there is any."""
        while not self.ended and self._wanted.offset >= 0:
            wanted = self._wanted
            position = wanted.offset + len(self._gathered)
            if position < start:
                if position >= len(self._head):
                    self._ask(b"")  # it has gone by: headers that point backwards are not honest
                    continue
                self._gathered += self._head[position : wanted.offset + wanted.length]
                continue
            end = min(start + len(block), wanted.offset + wanted.length)
            self._gathered += block[position - start : max(end - start, position - start)]
            if len(self._gathered) < wanted.length:
                return
            self._ask(bytes(self._gathered))

    def end(self, tail: bytes, size: int) -> Finding | None:
        """Answer what is still asked for with what there is, for the stream is over."""
        while not self.ended:
            offset = self._wanted.offset
            if offset >= 0:
                self._ask(bytes(self._gathered))
            elif -offset > min(len(tail), size):
                self._ask(b"")
            else:
                start = len(tail) + offset
                self._ask(tail[start : start + self._wanted.length])
        return self.answer
