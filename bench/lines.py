"""How fast one gatekeeper takes what its agent says: lines a second, none lost, and the memory that it takes."""
import json
import os
import subprocess
import threading
import time

from paired import row

LINES = int(os.environ.get("LINES", "500000"))
PROTOCOLS = (
    ("lines of an agent", "scripted", '{"kind":"said","text":"step %07d: looked at src/lib.rs and went on with the next of the files"}\n'),
    ("lines of no protocol", "plain", "step %07d: looked at src/lib.rs and went on with the next of the files, as it was asked to\n"),
)


def spec(folder, protocol, words):
    path = lambda name: str(folder / name)
    return {
        "version": 1, "run": "run_0000000000", "attempt": 1, "epoch": 1, "protocol": protocol, "argv": ["cat", str(words)], "env": {"PATH": os.environ["PATH"]},
        "cwd": str(folder), "worktree": None, "lock": path("lock"), "base_oid": None, "prompt_file": path("prompt.md"), "prompt": "none", "socket": path("ctl"), "dir": str(folder),
        "limits": {"grace_ms": 200, "idle_ms": 600000, "tool_idle_ms": 600000, "journal_bytes": 1 << 34}, "spare": [],
    }


def peak(pid, most):
    """The most memory that the process ever held, in KiB, as long as it can be asked."""
    while True:
        try:
            status = open(f"/proc/{pid}/status").read()
        except OSError:
            return
        most[0] = max([most[0], *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.01)


def lines(bench):
    for name, protocol, line in PROTOCOLS:
        words = bench.root / f"{protocol}.words"
        with open(words, "w") as file:
            file.writelines(line % number for number in range(LINES))
        times, floors, kept, dropped, most = [], [], 0, 0, [0]
        for turn in range(3):
            begun = time.perf_counter()
            subprocess.run(f"cat {words} | cat > {bench.root}/floor", shell=True, check=True)
            floors.append(time.perf_counter() - begun)
            folder = bench.root / f"{protocol}-{turn}"
            folder.mkdir()
            (folder / "prompt.md").write_text("")
            (folder / "spec.json").write_text(json.dumps(spec(folder, protocol, words)))
            begun = time.perf_counter()
            keeper = subprocess.Popen([str(bench.skep), "__keeper", str(folder)], env=bench.env)
            watch = threading.Thread(target=peak, args=(keeper.pid, most))
            watch.start()
            keeper.wait()
            times.append(time.perf_counter() - begun)
            watch.join()
            with open(folder / "journal.jsonl") as journal:
                kinds = [json.loads(text) for text in journal]
            kept = sum(entry["kind"] in ("said", "output") for entry in kinds)
            dropped = sum(entry["lines"] for entry in kinds if entry["kind"] == "dropped")
            (folder / "journal.jsonl").unlink()
        middle = sorted(times)[1]
        row(f"{name} into one gatekeeper, {LINES} in all", f"{LINES / middle:,.0f} lines/s", f"{LINES / sorted(floors)[1]:,.0f} lines/s of cat to a file; 50,000 aimed at")
        row(f"  kept, dropped, most memory of its keeper", f"{kept} {dropped} {most[0]} KiB", f"{LINES} 0 -")
