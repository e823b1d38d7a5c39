"""How long the difference of two texts takes at its worst, as the desk shows it for each edit.

    python tests/benchmarks/differences.py

No database. A line for each pair of texts: the CPU time of the fastest of five runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from comments.rules.differences import word_differences

PAIRS = {
    "two words, over and over": ("a " * 20_000, "b " * 20_000),
    "the same words in another order": ("a b " * 10_000, "b a a " * 6_600),
    "points alone": (". " * 20_000, " ." * 20_000),
    "sentences of one letter": ("x." * 20_000, "y." * 20_000),
    "990 words, 100 different": (
        " ".join(str(n % 100) for n in range(990)),
        " ".join(str(n % 97) for n in range(990)),
    ),
    "198 words, 7 different": (
        " ".join(str(n % 7) for n in range(198)),
        " ".join(str(n % 5) for n in range(198)),
    ),
    "10,000 characters, one word changed": ("bread " * 1_600, "bread " * 800 + "cake " * 800),
}


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    for name, (before, after) in PAIRS.items():
        times = []
        for _ in range(5):
            began = process_time()
            word_differences(before, after)
            times.append(process_time() - began)
        print(f"{name:<40} {1000 * min(times):8.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
