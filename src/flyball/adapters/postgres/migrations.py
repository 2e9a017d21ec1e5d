"""The tables of the shared database: one script per version of the schema, each applied once and never changed afterwards."""

SCHEMA = "flyball"
"""Everything stands in a schema of its own, so that the database may be shared with others."""

# Times are microseconds since 1970 UTC. Labels and actual values are JSON texts, so that what is stored is what comes back (1, 1.0, true
# and "1" are four things); features and context are MessagePack. Predictions and what hangs on them lie in partitions by the day of their
# event time, which days.py makes; the names of predictions in partitions by the day they were made, which they begin with.
_FIRST = """
CREATE TABLE flyball (schema_version integer NOT NULL);
INSERT INTO flyball VALUES (0);

CREATE TABLE journal (
  model text NOT NULL,
  seq bigint NOT NULL,
  format integer NOT NULL,
  at bigint NOT NULL,
  actor text NOT NULL,
  kind text NOT NULL,
  body text NOT NULL,
  prev_hash text NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (model, seq)
);
CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER journal_is_never_edited BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION journal_is_append_only();
CREATE TRIGGER journal_is_never_emptied BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

CREATE TABLE models (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE streams (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model bigint NOT NULL REFERENCES models (id),
  version bigint NOT NULL,
  UNIQUE (model, version)
);
CREATE TABLE contracts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  schema_id text NOT NULL,
  feature_names text NOT NULL,
  digest bytea NOT NULL UNIQUE
);

-- Which place in the order of arrival comes next. Rows of one model are given places and committed by one writer after the other.
CREATE SEQUENCE arrivals;
CREATE SEQUENCE shadow_arrivals;

-- Answered predictions. One of score and scores is given.
CREATE TABLE predictions (
  id bigint NOT NULL,
  stream bigint NOT NULL,
  model bigint NOT NULL,
  at bigint NOT NULL,
  prediction_id text NOT NULL,
  made_at bigint NOT NULL,
  variant text NOT NULL,
  worker text NOT NULL,
  unit text,
  entity text,
  client_id text,
  label text,
  score double precision,
  scores double precision[],
  contract bigint NOT NULL,
  features bytea,
  context bytea,
  propensity double precision
) PARTITION BY RANGE (at);
CREATE INDEX predictions_by_place ON predictions (id);
CREATE INDEX predictions_by_arrival ON predictions (stream, id);
CREATE INDEX predictions_by_time ON predictions (stream, at, id);
CREATE INDEX predictions_by_entity ON predictions (model, entity, at) WHERE entity IS NOT NULL;
CREATE INDEX predictions_by_unit ON predictions (model, unit, at) WHERE unit IS NOT NULL;
CREATE TABLE predictions_rest PARTITION OF predictions DEFAULT;

-- Rows that were scored and not answered; `answered` is the prediction whose row it was, of the same event time.
CREATE TABLE shadows (
  id bigint NOT NULL,
  stream bigint NOT NULL,
  at bigint NOT NULL,
  prediction_id text NOT NULL,
  answered bigint,
  unit text,
  entity text,
  label text,
  score double precision,
  scores double precision[],
  PRIMARY KEY (stream, at, prediction_id)
) PARTITION BY RANGE (at);
CREATE INDEX shadows_by_arrival ON shadows (stream, id);
CREATE TABLE shadows_rest PARTITION OF shadows DEFAULT;

-- The last place that a row of a stream has on each day: who reads on from a place need not look at the others.
CREATE TABLE reached (
  stream bigint NOT NULL,
  day bigint NOT NULL,
  answered bigint NOT NULL,
  shadows bigint NOT NULL,
  PRIMARY KEY (stream, day)
);

-- What became of predictions; `made_for` is the event time of the prediction.
CREATE TABLE outcomes (
  prediction bigint NOT NULL,
  made_for bigint NOT NULL,
  model bigint NOT NULL,
  at bigint NOT NULL,
  received_at bigint NOT NULL,
  actual text NOT NULL,
  value double precision,
  PRIMARY KEY (prediction, made_for)
) PARTITION BY RANGE (made_for);
CREATE INDEX outcomes_by_time ON outcomes (model, at);
CREATE TABLE outcomes_rest PARTITION OF outcomes DEFAULT;

-- Where each prediction is. Ids begin with the time they were made at, so a day of them is a range.
CREATE TABLE names (
  prediction_id text COLLATE "C" NOT NULL PRIMARY KEY,
  id bigint NOT NULL,
  at bigint NOT NULL,
  stream bigint NOT NULL,
  model bigint NOT NULL
) PARTITION BY RANGE (prediction_id);
CREATE TABLE names_rest PARTITION OF names DEFAULT;
CREATE INDEX names_rest_by_time ON names_rest (at);

-- Ids that clients gave, and the prediction that counts for each.
CREATE TABLE clients (
  client_id text COLLATE "C" NOT NULL,
  model bigint NOT NULL,
  prediction_id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (client_id, model)
);
CREATE INDEX clients_by_time ON clients (at);
-- Predictions that were dropped because their client id had been answered before: `first` is the one that counts.
CREATE TABLE duplicates (prediction_id text COLLATE "C" PRIMARY KEY, first text COLLATE "C" NOT NULL, at bigint NOT NULL);
CREATE INDEX duplicates_by_time ON duplicates (at);

-- How far each segment of the servers has been read; `origin` names the folder it lies in, on whichever machine.
CREATE TABLE ingested (origin text NOT NULL, segment text NOT NULL, position bigint NOT NULL, PRIMARY KEY (origin, segment));
CREATE TABLE counters (name text PRIMARY KEY, value bigint NOT NULL);

CREATE TABLE deployments (model text PRIMARY KEY, seq bigint NOT NULL, format integer NOT NULL, body text NOT NULL);
CREATE TABLE workers (
  model text NOT NULL,
  worker text NOT NULL,
  seq bigint NOT NULL,
  error text NOT NULL,
  heard_at bigint NOT NULL,
  PRIMARY KEY (model, worker)
);

CREATE TABLE reports (
  model text NOT NULL,
  ends_at bigint NOT NULL,
  version bigint NOT NULL,
  starts_at bigint NOT NULL,
  format integer NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (model, ends_at, version, starts_at)
);

CREATE TABLE ledgers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model text NOT NULL,
  version bigint NOT NULL,
  against bigint NOT NULL,
  reference text NOT NULL,
  answered bigint NOT NULL,
  shadows bigint NOT NULL,
  UNIQUE (model, version, against, reference)
);
CREATE TABLE slots (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ledger bigint NOT NULL REFERENCES ledgers (id),
  length bigint NOT NULL,
  start bigint NOT NULL,
  variant text NOT NULL,
  tally bytea NOT NULL,
  UNIQUE (ledger, length, start, variant)
);

CREATE TABLE outbox (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model text NOT NULL,
  receiver text NOT NULL,
  id text NOT NULL,
  written_at bigint NOT NULL,
  again_at bigint NOT NULL,
  attempts bigint NOT NULL,
  error text NOT NULL,
  format integer NOT NULL,
  body text NOT NULL,
  UNIQUE (model, receiver, id)
);
CREATE TABLE told (
  model text NOT NULL,
  receiver text NOT NULL,
  key text NOT NULL,
  seq bigint NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (model, receiver, key)
);
CREATE TABLE told_revisions (model text PRIMARY KEY, revision bigint NOT NULL);

CREATE TABLE looks (model text NOT NULL, at bigint NOT NULL, PRIMARY KEY (model, at));
CREATE TABLE traffic (
  model text NOT NULL,
  minute bigint NOT NULL,
  status bigint NOT NULL,
  requests bigint NOT NULL,
  PRIMARY KEY (model, minute, status)
);
CREATE TABLE trips (
  model text NOT NULL,
  at bigint NOT NULL,
  version bigint NOT NULL,
  guardrail text NOT NULL,
  worker text NOT NULL,
  format integer NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (model, at, version, guardrail, worker)
);

-- Bundles by digest; each file in pieces, so that no file has to fit into memory.
CREATE TABLE bundles (digest text PRIMARY KEY, kept_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE bundle_pieces (
  digest text NOT NULL REFERENCES bundles (digest) ON DELETE CASCADE,
  name text NOT NULL,
  piece integer NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (digest, name, piece)
);
ALTER TABLE bundle_pieces ALTER COLUMN content SET STORAGE EXTERNAL;
"""

# Who acts for a model, and deployments that servers get ready for before they become current: `ready` is the seq of the one a worker is
# ready for, or could not get ready for because of `trouble`.
_REPLICAS = """
CREATE TABLE leases (model text PRIMARY KEY, holder text NOT NULL, epoch bigint NOT NULL, until bigint NOT NULL);
CREATE TABLE swaps (
  model text PRIMARY KEY,
  seq bigint NOT NULL,
  format integer NOT NULL,
  body text NOT NULL,
  deadline bigint NOT NULL
);
ALTER TABLE workers ADD COLUMN ready bigint NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN trouble text NOT NULL DEFAULT '';
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _REPLICAS)
"""`MIGRATIONS[n]` takes a database from version n to version n + 1. Each runs as one transaction."""
