"""What a first start chooses by itself is not what another cloud has just chosen on the same machine."""

import subprocess
import sys

from nacre.cloud.options import Mode
from nacre.cloud.settings import EXTERNAL_CANDIDATES

CHOOSE = f"""
from nacre.cloud.options import Mode
from nacre.cloud.settings import _free_network
print(_free_network(Mode({Mode.REAL.value!r})), flush=True)
input()
"""


def start_choosing() -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", CHOOSE]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_clouds_that_start_at_once_choose_different_networks() -> None:
    with start_choosing() as first, start_choosing() as second:
        assert first.stdout is not None
        assert second.stdout is not None
        chosen = {each.stdout.readline().strip() for each in (first, second) if each.stdout}
        assert len(chosen) == 2
        assert chosen <= {*EXTERNAL_CANDIDATES}
        for each in (first, second):
            each.kill()
