from __future__ import annotations

import os
import signal

from shale.cli.running.signals import relayed_signals


def test_signals_are_passed_on_those_that_came_early_too() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[int] = []
    with relayed_signals() as relay:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR1)
        relay.to(seen.append)
        os.kill(os.getpid(), signal.SIGINT)
    assert seen == [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is before
