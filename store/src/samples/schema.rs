//! The tables, and how older ones become them.

use rusqlite::Connection;

/// Counts up with the tables.
pub(super) const SCHEMA: i64 = 5;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS sample (
        seq      INTEGER PRIMARY KEY,
        id       TEXT NOT NULL UNIQUE,
        at_ms    INTEGER NOT NULL,
        workload TEXT NOT NULL,
        release  TEXT NOT NULL,
        arm      TEXT NOT NULL,
        reason   TEXT NOT NULL,
        -- 1 while scorers are at it.
        open     INTEGER NOT NULL,
        -- The joint verdict of the gating scorers, and the first one that knew what is right: of a
        -- person or of a labelled set.
        pass     INTEGER,
        label    INTEGER,
        tenant   TEXT,
        -- Why a person should look at it.
        doubt    TEXT,
        body     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS sample_open ON sample (seq) WHERE open = 1;
    CREATE INDEX IF NOT EXISTS sample_failed ON sample (seq) WHERE pass = 0 OR label = 0;
    CREATE TABLE IF NOT EXISTS score (
        -- Its sample's `seq`: scores are written in the order of samples. By the id, which may be
        -- random, each would land on a page of its own.
        sample INTEGER NOT NULL,
        name   TEXT NOT NULL,
        at_ms  INTEGER NOT NULL,
        by     TEXT NOT NULL,
        body   TEXT NOT NULL,
        pass   INTEGER,
        PRIMARY KEY (sample, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS review (
        sample   TEXT PRIMARY KEY,
        pass     INTEGER NOT NULL,
        expected TEXT,
        note     TEXT,
        by       TEXT NOT NULL,
        at_ms    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- Sums of samples, which outlive them.
    CREATE TABLE IF NOT EXISTS tally (
        workload TEXT NOT NULL,
        rollout  TEXT NOT NULL,
        release  TEXT NOT NULL,
        arm      TEXT NOT NULL,
        kind     TEXT NOT NULL,
        name     TEXT NOT NULL,
        since_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        body     TEXT NOT NULL,
        PRIMARY KEY (workload, rollout, release, arm, kind, name)
    ) STRICT, WITHOUT ROWID;
    -- Requests of which both answers were judged: the one that was served, and a shadow's.
    CREATE TABLE IF NOT EXISTS pair (
        shadow         TEXT NOT NULL PRIMARY KEY,
        stable         TEXT NOT NULL,
        at_ms          INTEGER NOT NULL,
        workload       TEXT NOT NULL,
        stable_release TEXT NOT NULL,
        shadow_release TEXT NOT NULL,
        stable_pass    INTEGER,
        shadow_pass    INTEGER,
        conversation   TEXT,
        -- 1 for the first of its conversation.
        counts         INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS pair_conversation ON pair (workload, shadow_release, conversation);
    CREATE TABLE IF NOT EXISTS judge_spend (
        account TEXT PRIMARY KEY,
        -- Days since 1970, and the most that can have been spent in it, in nano-dollars.
        day     INTEGER NOT NULL,
        nanos   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Additions of version 2.
const SINCE_1: &str = "
    ALTER TABLE sample ADD COLUMN tenant TEXT;
    ALTER TABLE sample ADD COLUMN doubt TEXT;
    ALTER TABLE score ADD COLUMN pass INTEGER;
    UPDATE sample SET tenant = body ->> '$.tenant';
    UPDATE score SET pass = body ->> '$.pass';
";

/// Until version 4 a score named its sample by the id. [`TABLES`] come in between.
const BEFORE_5: &str = "ALTER TABLE score RENAME TO score_by_id;";
const SINCE_4: &str = "
    INSERT INTO score
        SELECT seq, name, said.at_ms, by, said.body, said.pass
        FROM score_by_id said JOIN sample ON sample.id = said.sample;
    DROP TABLE score_by_id;
";

/// Makes or completes the tables; gives the version that was found. A later one is left alone.
pub(super) fn bring_up(db: &mut Connection) -> Result<i64, rusqlite::Error> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found < SCHEMA {
        let change = db.transaction()?;
        if found == 1 {
            change.execute_batch(SINCE_1)?;
        }
        let scores_by_id = (1..=4).contains(&found);
        if scores_by_id {
            change.execute_batch(BEFORE_5)?;
        }
        change.execute_batch(TABLES)?;
        if scores_by_id {
            change.execute_batch(SINCE_4)?;
        }
        change.pragma_update(None, "user_version", SCHEMA)?;
        change.commit()?;
    }
    Ok(found)
}
