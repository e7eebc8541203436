"""Counts instructions under callgrind: `python instructions.py PROGRAM COUNTS [--accept]`.

PROGRAM is what `cargo bench --bench instructions --no-run` built. Prints `instructions NAME COUNT`
and holds each count against the one in COUNTS; other work on the machine moves none of them.
Callgrind knows AVX2 but no wider dot products, so AVX2 and portable code are what is counted.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# Counts repeat to 0.1 %; what a change of the compiler's mind moves should not pass unseen.
TOLERANCE = 0.02

# Callgrind counts in one function of PROGRAM alone, and writes a file when another is called.
COUNTED = "*run_counted*"
DUMPED = "*dump_counted*"

HEADER = """\
# Instructions on one thread of x86-64 with AVX2, as tests/bench/instructions.py counts them.
# `make bench-instructions ACCEPT=1` writes this file.
"""


def count(program: Path) -> dict[str, int]:
    """Instructions of each piece of work, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--toggle-collect={COUNTED}",
            f"--dump-before={DUMPED}",
            f"--callgrind-out-file={folder}/part",
            program,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{program} failed under valgrind:\n{done.stderr}")
        names = done.stdout.split()
        parts = Path(folder).glob("part.*")
        totals = [total(part) for part in sorted(parts, key=lambda it: int(it.suffix[1:]))]
    # The last is what was left at the end, which is nothing.
    if len(totals) < len(names) or any(totals[len(names) :]):
        sys.exit(f"{len(names)} names for {len(totals)} counts")
    return dict(zip(names, totals, strict=False))


def total(part: Path) -> int:
    """Instructions in all of one file of callgrind's."""
    return int(re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE)[1])


def complaints(counts: dict[str, int], accepted: dict[str, int]) -> list[str]:
    """What is not as it was, a line each."""
    lines = []
    for name in accepted.keys() - counts.keys():
        lines.append(f"{name} was not counted: renamed, or a processor without its instructions")
    for name, found in counts.items():
        if name not in accepted:
            lines.append(f"{name} is new, with {found} instructions")
        elif abs(change := found / accepted[name] - 1) > TOLERANCE:
            lines.append(f"{name} moved by {change:+.1%}, from {accepted[name]} to {found}")
    return lines


def main() -> None:
    """Counts, prints, and compares or accepts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("counts", type=Path)
    parser.add_argument("--accept", action="store_true", help="write the counts instead")
    options = parser.parse_args()
    counts = count(options.program)
    for name, found in counts.items():
        print(f"instructions {name} {found}")
    if options.accept:
        lines = [f"{name} = {found}\n" for name, found in counts.items()]
        options.counts.write_text(HEADER + "".join(lines))
        return
    accepted = tomllib.loads(options.counts.read_text()) if options.counts.exists() else {}
    if lines := complaints(counts, accepted):
        print(*lines, sep="\n", file=sys.stderr)
        sys.exit("if that is meant: make bench-instructions ACCEPT=1")


if __name__ == "__main__":
    main()
