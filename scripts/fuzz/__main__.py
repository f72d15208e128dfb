"""Read mutated images, classifiers and networks; whatever is no error of fewshot's own fails."""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

from cases import make_case, serve

_SECONDS, _PER_PROCESS = 10, 300


def main() -> int:
    """Try cases until the time is over; 1 if any failed, which is then kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    arguments = parser.parse_args()
    end, number, failed = time.monotonic() + arguments.seconds, arguments.first, 0
    while time.monotonic() < end:
        number, problem = _try_cases(arguments.seed, number, end)
        if problem:
            failed += 1
            kind, suffix, data = make_case(arguments.seed, number - 1)
            arguments.failures.mkdir(parents=True, exist_ok=True)
            path = arguments.failures / f"{arguments.seed}-{number - 1}-{kind}{suffix}"
            path.write_bytes(data)
            again = f"python scripts/fuzz --seed {arguments.seed} --first {number - 1}"
            print(f"{path}: {problem}\n  again: {again}", flush=True)
    print(f"seed {arguments.seed}: {number - arguments.first} cases, {failed} failed")
    return 1 if failed else 0


def _try_cases(seed: int, first: int, end: float) -> tuple[int, str]:
    """Run cases in a process of their own; return the next number, and what is wrong."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, seed), daemon=True)
    process.start()
    there.close()
    number = first
    try:
        here.recv()  # it is ready
        while number < first + _PER_PROCESS and time.monotonic() < end:
            here.send(number)
            number += 1
            if not here.poll(_SECONDS):
                return number, f"more than {_SECONDS} seconds"
            if problem := here.recv():
                return number, problem
        return number, ""
    except EOFError:
        process.join(5)
        return number, f"the process ended with code {process.exitcode}"
    finally:
        process.kill()
        process.join()


if __name__ == "__main__":
    sys.exit(main())
