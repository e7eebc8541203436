#!/usr/bin/env python3
"""The appliance as its people have it: an image that starts, screens what a scanner sends, is updated, and comes back
when an update is bad or the plug was pulled. On emulated machines, looked at from outside.

    run.py IMAGES [--work FOLDER] [--program PAROTIDD] [CHECK..]

IMAGES holds what prepare.sh made for a board: `first/` (the image that is installed), and for the updates `good/`, `bad/` whose
network is damaged, `models/` and `models-bad/` (networks alone). PAROTIDD, for this processor, draws the phantom of `screens`. CHECK is one of:
starts screens service updates folder unsigned undone models power_cuts flipped signed tpm; all of them unless said.
Prints `ok NAME: what was seen`, and times as `time NAME SECONDS`; ends with 1 when one failed.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from clinic import Site
from daily import screens, service, starts
from integrity import flipped, signed, tpm
from machine import Failed
from updates import folder, models, power_cuts, undone, unsigned, updates

CHECKS = {check.__name__: check for check in (starts, screens, service, updates, folder, unsigned, undone, models, power_cuts, flipped,
                                              signed, tpm)}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("images", type=Path)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/parotidd-boot"))
    arguments.add_argument("--program", type=Path)
    arguments.add_argument("checks", nargs="*", metavar="CHECK", default=list(CHECKS))
    args = arguments.parse_args()
    n_failed = 0
    for name in args.checks:
        with Site(args.images, args.work, args.program, name) as site:
            try:
                CHECKS[name](site)
                # Of one that failed it stays, to be looked at.
                site.machine.disk.unlink()
            except Exception as error:
                # Whatever it was, the others are looked at as well.
                n_failed += 1
                print(f"FAILED {name}: {error}", flush=True)
                if not isinstance(error, Failed):
                    traceback.print_exc()
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
