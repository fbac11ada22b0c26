"""A repository for measuring: the same files every time, of the sizes and depths that source code has, packed like a clone."""
import random
import subprocess


def make(folder, files):
    """Makes `folder` with `files` files on main, and origin/main beside it."""
    rng = random.Random(files)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 11))) for _ in range(2000)]
    lines = [" " * rng.choice((0, 4, 8)) + " ".join(rng.choices(words, k=rng.randint(3, 10))) + "\n" for _ in range(3000)]

    def text(number):
        size, parts = min(1 << 17, int(rng.lognormvariate(7.8, 1.0))), [f"// file {number}\n"]
        while sum(map(len, parts)) < size:
            parts.append(rng.choice(lines) * rng.randint(1, 3))
        return "".join(parts)[: max(size, 16)].encode()

    def path(number):
        place = number // 12
        return f"src/{place % 7}/{place % 31}/part{place}/file{number}.rs"

    git("init", "-q", "-b", "main", folder)
    stream = subprocess.Popen(["git", "-C", folder, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    say = stream.stdin.write
    say(b"commit refs/heads/main\ncommitter Bench <bench@invalid> 1700000000 +0000\ndata 5\nfiles\n")
    for number in range(files):
        body = text(number)
        say(b"M 100644 inline %s\ndata %d\n%s\n" % (path(number).encode(), len(body), body))
    stream.stdin.close()
    if stream.wait() != 0:
        raise RuntimeError("git fast-import failed")
    for key, value in (("user.name", "Bench"), ("user.email", "bench@invalid"), ("gc.auto", "0")):
        git("-C", folder, "config", key, value)
    git("-C", folder, "repack", "-adq")
    git("-C", folder, "reset", "-q", "--hard", "main")
    git("-C", folder, "remote", "add", "origin", folder)
    git("-C", folder, "fetch", "-q", "origin")
    git("-C", folder, "remote", "set-head", "origin", "main")


def git(*args):
    subprocess.run(["git", *args], check=True, stdout=subprocess.DEVNULL)
