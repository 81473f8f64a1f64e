"""What ends a pause.  Deadlines here are either long past or far away, so no machine is too slow for them."""

import threading
import time

from nacre.services.network.agent.alarm import Alarm

LONG = 3600.0


def test_a_ring_before_the_pause_ends_it() -> None:
    alarm = Alarm()
    alarm.ring()
    alarm.wait(LONG)


def test_a_ring_during_the_pause_ends_it() -> None:
    alarm = Alarm()
    waiting = threading.Thread(target=alarm.wait, args=(LONG,), daemon=True)
    waiting.start()
    alarm.ring()
    waiting.join(60)
    assert not waiting.is_alive()


def test_it_rings_in_a_while_though_somebody_could_wait_longer() -> None:
    alarm = Alarm()
    waiting = threading.Thread(target=alarm.wait, args=(LONG,), daemon=True)
    waiting.start()
    alarm.ring_in(LONG)
    alarm.ring_in(0.01)
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_ring_does_not_make_it_forget_what_is_due_later() -> None:
    alarm = Alarm()
    alarm.ring_in(0.01)
    alarm.ring()
    alarm.wait(LONG)
    alarm.wait(LONG)


def test_it_does_not_ring_early() -> None:
    alarm = Alarm()
    began = time.monotonic()
    alarm.ring_in(0.2)
    alarm.wait(LONG)
    assert time.monotonic() >= began + 0.2
