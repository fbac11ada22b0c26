PRAGMA application_id = 0x736b6570;
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
    part    INTEGER NOT NULL CHECK (part >= 0),
    kind    TEXT NOT NULL CHECK (kind <> ''),
    body    TEXT NOT NULL CHECK (json_valid(body)),
    answer  TEXT CHECK (json_valid(answer)) CHECK (answer IS NULL OR part = 0)
) STRICT;
CREATE UNIQUE INDEX log_input ON log (key) WHERE part = 0;
CREATE TABLE effect (
    number  INTEGER PRIMARY KEY CHECK (number > 0),
    id      TEXT NOT NULL UNIQUE CHECK (id <> ''),
    seq     INTEGER NOT NULL REFERENCES log (seq),
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
PRAGMA user_version = 1;
INSERT INTO epoch (number, at) VALUES (1, '2026-11-20T11:43:00.000Z');
INSERT INTO epoch (number, at) VALUES (2, '2026-11-21T08:00:00.000Z');
INSERT INTO log (seq, epoch, at, subject, cause, source, key, part, kind, body, answer) VALUES (1, 1, '2026-11-20T11:43:01.000Z', 'task_0123456789', NULL, 'person', 'req-1', 0, 'task_added', '{"title":"naïve “quotes” ✓"}', '{"run":"run_0123456789"}');
INSERT INTO log (seq, epoch, at, subject, cause, source, key, part, kind, body, answer) VALUES (2, 1, '2026-11-20T11:43:01.000Z', 'run_0123456789', 1, 'person', 'req-1', 1, 'queued', '{}', NULL);
INSERT INTO log (seq, epoch, at, subject, cause, source, key, part, kind, body, answer) VALUES (3, 1, '2026-11-20T11:43:02.000Z', 'run_0123456789', 1, 'effect', 'effect/run_0123456789/prepare', 0, 'prepared', '{"branch":"skep/naive"}', NULL);
INSERT INTO log (seq, epoch, at, subject, cause, source, key, part, kind, body, answer) VALUES (4, 2, '2026-11-21T08:00:01.000Z', 'run_0123456789', NULL, 'run', 'run_0123456789/1/4', 0, 'asked', 'null', 'true');
INSERT INTO effect (number, id, seq, subject, kind, body) VALUES (1, 'run_0123456789/prepare', 1, 'run_0123456789', 'prepare', '{"base":"main"}');
INSERT INTO effect (number, id, seq, subject, kind, body) VALUES (2, 'run_0123456789/start', 3, 'run_0123456789', 'start', '{"attempt":1}');
INSERT INTO effect (number, id, seq, subject, kind, body) VALUES (3, 'notify/4', 4, 'run_0123456789', 'notify', '{}');
INSERT INTO outbox (effect) VALUES (2);
INSERT INTO outbox (effect) VALUES (3);
