"""The hidden command that is the delivering process: what it does first after another one died."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from drivers import registry

def disarm(driver, port, clock):
    heavy = {"numpy", "tms_console.delivery", "sqlalchemy", "sqlcipher3"} & set(sys.modules)
    sys.stderr.write(f"disarmed {port} with {sorted(heavy)} imported")
    return "done"

registry.disarm_port = disarm
sys.argv = ["tms-console", "_deliver", "--disarm-first", "magpro", "/dev/ttyX"]
from tms_console.cli import main
main()
"""


def test_the_port_of_a_dead_process_is_disarmed_before_anything_heavy_is_imported() -> None:
    """Until then the stimulator goes on with its train; the imports take most of a second."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )

    assert done.stderr.decode() == "disarmed /dev/ttyX with [] imported"
    assert b'"disarmed":"done"' in done.stdout
