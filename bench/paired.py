"""Two things timed in turns, so that what the machine does meanwhile hits both; the ratio is taken round by round."""
import os
import statistics
import time

ROUNDS = int(os.environ.get("ROUNDS", "7"))


def paired(title, ours, floor, unit="ms", clean=None):
    """Prints the medians of `ours` and `floor` (functions of the round's number) and the median of their ratios."""
    times = {"ours": [], "floor": []}
    for number in range(-1, ROUNDS):  # The first round warms up and does not count.
        for name, run in (("ours", ours), ("floor", floor)) if number % 2 else (("floor", floor), ("ours", ours)):
            begun = time.perf_counter()
            run(number)
            taken = time.perf_counter() - begun
            if clean:
                clean(name, number)
            if number >= 0:
                times[name].append(taken)
    ratios = [a / b for a, b in zip(times["ours"], times["floor"])]
    row(title, middle(times["ours"]), middle(times["floor"]), statistics.median(ratios), min(ratios), max(ratios))


def middle(times):
    return f"{statistics.median(times) * 1e3:.1f} ms"


def head():
    print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores\n\n| scene | skep | floor | ratio (min to max) |\n|---|---|---|---|", flush=True)


def row(title, ours, floor, ratio=None, least=None, most=None):
    ratio = "" if ratio is None else f"{ratio:.2f}" + ("" if least is None else f" ({least:.2f} to {most:.2f})")
    print(f"| {title} | {ours} | {floor} | {ratio} |", flush=True)
