"""The tables of flyball.db: one script per version of the schema, each applied once and never changed afterwards."""

APPLICATION_ID = 0x466C7962
"""`Flyb`: marks a SQLite file as ours (`PRAGMA application_id`)."""

_FIRST = """
CREATE TABLE flyball (schema_version INTEGER NOT NULL);
INSERT INTO flyball VALUES (0);

CREATE TABLE journal (
  model TEXT NOT NULL,
  seq INTEGER NOT NULL,
  format INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (model, seq)
) WITHOUT ROWID;
CREATE TRIGGER journal_is_never_edited BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_never_shortened BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE streams (
  id INTEGER PRIMARY KEY,
  model INTEGER NOT NULL REFERENCES models (id),
  version INTEGER NOT NULL,
  UNIQUE (model, version)
);
CREATE TABLE contracts (
  id INTEGER PRIMARY KEY,
  schema_id TEXT NOT NULL,
  feature_names TEXT NOT NULL,
  UNIQUE (schema_id, feature_names)
);

-- Answered predictions. label and score have no declared type: what is stored is what comes back (booleans as one-byte blobs,
-- several scores as one blob of float64). features and context are MessagePack.
CREATE TABLE predictions (
  id INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL REFERENCES streams (id),
  model INTEGER NOT NULL,
  at INTEGER NOT NULL,
  prediction_id TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  variant TEXT NOT NULL,
  worker TEXT NOT NULL,
  unit TEXT,
  entity TEXT,
  client_id TEXT,
  label,
  score,
  contract INTEGER NOT NULL REFERENCES contracts (id),
  features BLOB,
  context BLOB
);
CREATE UNIQUE INDEX predictions_by_id ON predictions (prediction_id);
CREATE UNIQUE INDEX predictions_by_client_id ON predictions (client_id, model) WHERE client_id IS NOT NULL;
CREATE INDEX predictions_by_time ON predictions (stream, at);
CREATE INDEX predictions_by_entity ON predictions (model, entity, at) WHERE entity IS NOT NULL;
CREATE INDEX predictions_by_unit ON predictions (model, unit, at) WHERE unit IS NOT NULL;

-- Rows that were scored and not answered; `answered` is the prediction whose row it was.
CREATE TABLE shadows (
  stream INTEGER NOT NULL REFERENCES streams (id),
  at INTEGER NOT NULL,
  prediction_id TEXT NOT NULL,
  answered INTEGER REFERENCES predictions (id),
  unit TEXT,
  entity TEXT,
  label,
  score,
  PRIMARY KEY (stream, at, prediction_id)
) WITHOUT ROWID;

-- Predictions that were dropped because their client id had been answered before: `first` is the one that counts.
CREATE TABLE duplicates (
  prediction_id TEXT PRIMARY KEY,
  first INTEGER NOT NULL REFERENCES predictions (id)
) WITHOUT ROWID;

CREATE TABLE outcomes (
  prediction INTEGER PRIMARY KEY REFERENCES predictions (id),
  model INTEGER NOT NULL,
  at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  actual NOT NULL
);
CREATE INDEX outcomes_by_time ON outcomes (model, at);

-- How far each segment of the servers has been read.
CREATE TABLE ingested (segment TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE deployments (model TEXT PRIMARY KEY, seq INTEGER NOT NULL, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE workers (
  model TEXT NOT NULL,
  worker TEXT NOT NULL,
  seq INTEGER NOT NULL,
  error TEXT NOT NULL,
  heard_at INTEGER NOT NULL,
  PRIMARY KEY (model, worker)
) WITHOUT ROWID;
"""

_REPORTS = """
CREATE TABLE reports (
  model TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  format INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (model, ends_at, version, starts_at)
) WITHOUT ROWID;
"""

# Shadows in order of arrival, and the order of arrival within a version: counting reads on from where it was.
_ARRIVALS = """
CREATE TABLE arriving (
  id INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL REFERENCES streams (id),
  at INTEGER NOT NULL,
  prediction_id TEXT NOT NULL,
  answered INTEGER REFERENCES predictions (id),
  unit TEXT,
  entity TEXT,
  label,
  score
);
INSERT INTO arriving (stream, at, prediction_id, answered, unit, entity, label, score)
  SELECT stream, at, prediction_id, answered, unit, entity, label, score FROM shadows;
DROP TABLE shadows;
ALTER TABLE arriving RENAME TO shadows;
CREATE UNIQUE INDEX shadows_by_time ON shadows (stream, at, prediction_id);
CREATE INDEX shadows_by_arrival ON shadows (stream);
CREATE INDEX predictions_by_arrival ON predictions (stream);
"""

# Counts by stretch of time. A ledger is what is counted together: the rows of `version` on the reference of version `against`, up to a
# place in the log. Times and lengths are microseconds; the form of `tally` is in monitoring/tally.py.
_COUNTS = """
CREATE TABLE ledgers (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  against INTEGER NOT NULL,
  reference TEXT NOT NULL,
  answered INTEGER NOT NULL,
  shadows INTEGER NOT NULL,
  UNIQUE (model, version, against, reference)
);
CREATE TABLE slots (
  id INTEGER PRIMARY KEY,
  ledger INTEGER NOT NULL REFERENCES ledgers (id),
  length INTEGER NOT NULL,
  start INTEGER NOT NULL,
  variant TEXT NOT NULL,
  tally BLOB NOT NULL,
  UNIQUE (ledger, length, start, variant)
);
"""

_OUTBOX = """
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  receiver TEXT NOT NULL,
  id TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  again_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  format INTEGER NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (model, receiver, id)
);
-- Which receiver was told that which alert fires: `seq` is the journal entry that says so.
CREATE TABLE told (
  model TEXT NOT NULL,
  receiver TEXT NOT NULL,
  key TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (model, receiver, key)
) WITHOUT ROWID;
CREATE TABLE told_revisions (model TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
"""


_LOOKS = """
CREATE TABLE looks (
  model TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (model, at)
) WITHOUT ROWID;
"""

# Requests for predictions by minute (microseconds of its start) and status; 200: answered.
_TRAFFIC = """
CREATE TABLE traffic (
  model TEXT NOT NULL,
  minute INTEGER NOT NULL,
  status INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (model, minute, status)
) WITHOUT ROWID;
"""

# How likely the variant was that answered, what an outcome was worth, and what guardrails did in servers. NULL: nothing was said.
_EVIDENCE = """
ALTER TABLE predictions ADD COLUMN propensity REAL;
ALTER TABLE outcomes ADD COLUMN value REAL;
CREATE TABLE trips (
  model TEXT NOT NULL,
  at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  guardrail TEXT NOT NULL,
  worker TEXT NOT NULL,
  format INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (model, at, version, guardrail, worker)
) WITHOUT ROWID;
"""

# Who acts for a model, and deployments that servers get ready for before they become current: `ready` is the seq of the one a worker is
# ready for, or could not get ready for because of `trouble`.
_REPLICAS = """
CREATE TABLE leases (
  model TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE swaps (
  model TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  format INTEGER NOT NULL,
  body TEXT NOT NULL,
  deadline INTEGER NOT NULL
) WITHOUT ROWID;
ALTER TABLE workers ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _REPORTS, _ARRIVALS, _COUNTS, _OUTBOX, _LOOKS, _TRAFFIC, _EVIDENCE, _REPLICAS)
"""`MIGRATIONS[n]` takes a database from version n to version n + 1."""
