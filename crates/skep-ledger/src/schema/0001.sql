-- Format 1. A released migration is never edited; a change is a new file.
--
-- The record: epoch, log and effect. Rows are added, never changed, never removed.
-- Derived from it: outbox (and the index that finds an input by its key).

PRAGMA application_id = 0x736b6570; -- "skep"

CREATE TABLE epoch (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    at     TEXT NOT NULL
) STRICT;

CREATE TABLE log (
    seq     INTEGER PRIMARY KEY CHECK (seq > 0),
    epoch   INTEGER NOT NULL REFERENCES epoch (number),
    at      TEXT NOT NULL,
    subject TEXT NOT NULL,
    cause   INTEGER REFERENCES log (seq) CHECK (cause < seq),
    source  TEXT NOT NULL,
    key     TEXT NOT NULL CHECK (key <> ''),
    part    INTEGER NOT NULL CHECK (part >= 0), -- its place among the events of one input, from 0
    kind    TEXT NOT NULL CHECK (kind <> ''),
    body    TEXT NOT NULL CHECK (json_valid(body)),
    answer  TEXT CHECK (json_valid(answer)) CHECK (answer IS NULL OR part = 0)
) STRICT;

-- An input counts once.
CREATE UNIQUE INDEX log_input ON log (key) WHERE part = 0;

CREATE TABLE effect (
    number  INTEGER PRIMARY KEY CHECK (number > 0), -- the order in which effects were asked for
    id      TEXT NOT NULL UNIQUE CHECK (id <> ''),
    seq     INTEGER NOT NULL REFERENCES log (seq),  -- the first event of the input that asked for it
    subject TEXT NOT NULL,
    kind    TEXT NOT NULL CHECK (kind <> ''),
    body    TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE outbox (
    effect INTEGER PRIMARY KEY REFERENCES effect (number)
) STRICT;

CREATE TRIGGER epoch_stays BEFORE UPDATE ON epoch BEGIN SELECT RAISE(ABORT, 'an epoch is never changed'); END;
CREATE TRIGGER epoch_kept BEFORE DELETE ON epoch BEGIN SELECT RAISE(ABORT, 'an epoch is never removed'); END;
CREATE TRIGGER log_stays BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;
CREATE TRIGGER log_kept BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END;
CREATE TRIGGER effect_stays BEFORE UPDATE ON effect BEGIN SELECT RAISE(ABORT, 'an effect is never changed'); END;
CREATE TRIGGER effect_kept BEFORE DELETE ON effect BEGIN SELECT RAISE(ABORT, 'an effect is never removed'); END;
