"""A ledger in which many runs have come and gone: the events of one that did, again and again under ids of their own."""
import random
import sqlite3

LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def copies(ledger, run, count):
    """Adds the events of `run` to `ledger` another `count` times; no daemon may have it open. Returns how many events there are."""
    rng = random.Random(count)
    db = sqlite3.connect(ledger)
    # What was checked when it was written is as it was; an older SQLite checks some of it differently.
    db.execute("pragma ignore_check_constraints = on")
    columns = [row[1] for row in db.execute("pragma table_info(log)")]
    names = ", ".join(columns)
    places = {name: nth for nth, name in enumerate(columns)}
    rows = db.execute(f"select {names} from log where key in (select key from log where subject = ?) order by seq", [run]).fetchall()
    (last,) = db.execute("select max(seq) from log").fetchone()
    insert = f"insert into log ({names}) values ({', '.join('?' * len(columns))})"

    def again(number):
        nonlocal last
        tail, seqs, copied = "".join(rng.choices(LETTERS, k=10)), {}, []
        for row in map(list, rows):
            last += 1
            seqs[row[places["seq"]]] = last
            row[places["seq"]] = last
            row[places["cause"]] = seqs.get(row[places["cause"]])
            for name in ("subject", "source", "key", "body"):
                row[places[name]] = row[places[name]].replace(run.removeprefix("run_"), tail)
            row[places["key"]] += f"/{number}"
            copied.append(row)
        db.executemany(insert, copied)

    with db:
        for number in range(count):
            again(number)
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    return last


def read(ledger):
    """Reads every event, as the floor of a start that must know them all."""
    db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    for _ in db.execute("select seq, subject, body from log order by seq"):
        pass
    db.close()
