"""What `make mutants` says at its end: how many changes of the code a test noticed, and whether these are enough."""

import json
import sys
from pathlib import Path

GOAL = 90.0

if __name__ == "__main__":
    counts = json.loads(Path(sys.argv[1]).read_text())
    noticed = counts["killed"] + counts["timeout"] + counts["segfault"]
    rate = 100 * noticed / counts["total"]
    print(f"{noticed} of {counts['total']} mutants were noticed: {rate:.1f} % (goal: {GOAL} %)")
    print("mutants/alive.txt names the others; docs/mutants.md says why those that are known live.")
    sys.exit(rate < GOAL)
