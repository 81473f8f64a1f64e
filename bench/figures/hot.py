"""Read collapsed stacks (`outer;inner count`, a line for each): the hottest functions in words, and a flame graph."""

import html
import re
from collections import Counter
from collections.abc import Iterable

Stacks = Counter[tuple[str, ...]]

WIDTH, ROW, LEAST = 1400, 17, 1.2  # pixels; a frame narrower than LEAST is left out
LETTER = 6.6
PATH = re.compile(r"\((?:.*?)((?:nacre|site-packages|python3[.0-9]*)/[^()]*)\)")


def merge(texts: Iterable[str]) -> Stacks:
    """Add up several recordings."""
    stacks: Stacks = Counter()
    for text in texts:
        for line in text.splitlines():
            stack, _, count = line.rpartition(" ")
            stacks[tuple(stack.split(";"))] += int(count)
    return stacks


def words(stacks: Stacks, most: int = 25) -> str:
    """Return the functions in which most time is spent: in themselves, and with all that they call."""
    total = stacks.total() or 1
    alone: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    for stack, count in stacks.items():
        names = [_function(frame) for frame in stack]
        alone[names[-1]] += count
        for name in set(names):
            inclusive[name] += count
    lines = [f"{total} looks", "", "in themselves"]
    lines += [f"{100 * count / total:6.1f} %  {name}" for name, count in alone.most_common(most)]
    lines += ["", "with what they call"]
    lines += [f"{100 * count / total:6.1f} %  {name}" for name, count in inclusive.most_common(most * 3)]
    return "\n".join(lines)


def flame_graph(title: str, stacks: Stacks) -> str:
    """Draw the stacks: callers above, width is time, sorted by name."""
    frames: list[tuple[int, float, float, str]] = []
    depth = max(map(len, stacks), default=0)
    total = stacks.total() or 1
    open_frames: list[tuple[str, int]] = []
    position = 0

    def close(level: int) -> None:
        while len(open_frames) > level:
            name, began = open_frames.pop()
            left, width = began * WIDTH / total, (position - began) * WIDTH / total
            if width >= LEAST:
                frames.append((len(open_frames), left, width, name))

    for stack, count in sorted(stacks.items()):
        shared = 0
        while shared < min(len(stack), len(open_frames)) and stack[shared] == open_frames[shared][0]:
            shared += 1
        close(shared)
        open_frames.extend((name, position) for name in stack[shared:])
        position += count
    close(0)
    height = (depth + 2) * ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-size="11" '
    body = [
        head + 'font-family="monospace">',
        f'<text x="4" y="12">{html.escape(title)}, {total} looks</text>',
    ]
    body += [_frame(*frame, total=total) for frame in frames]
    return "\n".join([*body, "</svg>\n"])


def _frame(level: int, left: float, width: float, name: str, *, total: int) -> str:
    top = (level + 1) * ROW
    share = 100 * width / WIDTH
    shown = html.escape(name[: int(width / LETTER)]) if width > 3 * LETTER else ""
    hue = 20 + sum(map(ord, name.partition(" (")[2])) % 40
    return (
        f'<g><title>{html.escape(name)}: {share:.1f} %</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" '
        f'height="{ROW - 1}" fill="hsl({hue},80%,65%)"/><text x="{left + 2:.1f}" y="{top + 12}">{shown}</text></g>'
    )


def _function(frame: str) -> str:
    """Return a frame without its line, its path shortened."""
    return re.sub(r":\d+\)$", ")", PATH.sub(r"(\1)", frame))
