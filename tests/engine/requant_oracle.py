"""Shared cases of the integer arithmetic, for Python and C: test_vectors/requant/cases.json.

    python tests/engine/requant_oracle.py [--check]

Expected values are computed here from the definitions in exact integer and rational arithmetic,
sharing nothing with pipeline/quant.py. Numbers are taken at the edges (ties, limits, powers of
two) and at random with a fixed seed.
"""

from __future__ import annotations

import json
import math
import random
import sys
from fractions import Fraction
from pathlib import Path

CASES = Path(__file__).resolve().parents[2] / "test_vectors" / "requant" / "cases.json"

LOW, HIGH = -(2**31), 2**31 - 1
EDGES = [LOW, LOW + 1, -(2**30), -65536, -257, -3, -2, -1, 0, 1, 2, 3, 255, 65535, 2**30, HIGH]
MULTIPLIERS = [2**30, 2**30 + 1, 1518500250, HIGH - 1, HIGH]


def wrap(x: int) -> int:
    return (x - LOW) % 2**32 + LOW


def high_mul(a: int, b: int) -> int:
    """As gemmlowp writes it: a nudge of the product's sign, then truncation towards zero."""
    product = a * b
    nudge = 2**30 if product >= 0 else 1 - 2**30
    return min(math.trunc(Fraction(product + nudge, 2**31)), HIGH)


def divide_by_pot(x: int, exponent: int) -> int:
    """Halves away from zero."""
    size = math.floor(Fraction(abs(x), 2**exponent) + Fraction(1, 2))
    return size if x >= 0 else -size


def requantize(x: int, multiplier: int, shift: int) -> int:
    if shift > 0:
        return high_mul(wrap(x << shift), multiplier)
    return divide_by_pot(high_mul(x, multiplier), -shift)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Round real · 2^(31 − shift) to 31 bits, halves up; below 2^-32, nothing is left."""
    exact = Fraction(real)
    if exact == 0:
        return 0, 0
    shift = math.frexp(real)[1]
    m = math.floor(exact * Fraction(2) ** (31 - shift) + Fraction(1, 2))
    if m == 2**31:
        m, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (m, shift)


def cases() -> dict[str, list[list[float | int]]]:
    rng = random.Random(20)
    wide = EDGES + [rng.randrange(LOW, HIGH + 1) for _ in range(40)]
    factors = MULTIPLIERS + [rng.randrange(2**30, 2**31) for _ in range(10)]
    reals = [0.0, 0.5, 1.0, 1 - 2.0**-53, 2.0**-31, 2.0**-33, 0.1, 3.7, 2.0**29, 1 - 2.0**-32]
    reals += [rng.random() * 2.0 ** rng.randrange(-33, 8) for _ in range(60)]
    ties = [sign * (2 * k + 1) << e for sign in (-1, 1) for k in (0, 1, 7) for e in (0, 3, 11)]
    return {
        "high_mul": [[a, b, high_mul(a, b)] for a in wide for b in factors],
        "divide_by_pot": [
            [x, e, divide_by_pot(x, e)]
            for x in wide + ties for e in (1, 2, 4, 12, 23, 31)
            if LOW < x < HIGH or (x == HIGH and e > 1)  # what a product can be: see nn_quant.h
        ],
        "requantize": [
            [x, m, s, requantize(x, m, s)]
            for x in wide for m in factors[::3] for s in (-31, -12, -1, 0, 1, 7, 30)
        ],
        "quantize_multiplier": [[real, *quantize_multiplier(real)] for real in reals],
    }  # fmt: skip


def text() -> str:
    body = ",\n".join(
        f' "{name}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]"
        for name, rows in cases().items()
    )
    note = "written by tests/engine/requant_oracle.py; last numbers of each row are the result"
    return f'{{\n "note": "{note}",\n{body}\n}}\n'


def main() -> int:
    if "--check" not in sys.argv[1:]:
        CASES.parent.mkdir(parents=True, exist_ok=True)
        CASES.write_text(text())
        return 0
    if not CASES.is_file() or CASES.read_text() != text():
        print(f"{CASES.name}: stale; python tests/engine/requant_oracle.py writes it anew")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
