//! The tables, and how an older file is brought up to date.

use super::StoreError;
use rusqlite::Connection;
use std::time::Duration;

/// One script per schema version, in order; a file at version N has the first N applied.
const MIGRATIONS: &[&str] = &[
    "
    -- One row: where the history ends. Written with every entry, so that a history whose end was
    -- cut off does not pass for a shorter one.
    CREATE TABLE head (
        one     INTEGER PRIMARY KEY CHECK (one = 1),
        epoch   INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        hash    TEXT NOT NULL
    ) STRICT;
    INSERT INTO head VALUES (1, 0, 0, '');

    CREATE TABLE workload (
        name  TEXT PRIMARY KEY,
        state TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audit (
        seq          INTEGER PRIMARY KEY,
        at_ms        INTEGER NOT NULL,
        actor        TEXT NOT NULL,
        workload     TEXT,
        action       TEXT NOT NULL,
        reason       TEXT NOT NULL,
        summary      TEXT NOT NULL,
        epoch_before INTEGER NOT NULL,
        epoch        INTEGER NOT NULL,
        details      TEXT NOT NULL,
        prev_hash    TEXT NOT NULL,
        hash         TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_workload ON audit (workload, seq);
    CREATE INDEX audit_by_actor ON audit (actor, seq);

    CREATE TABLE idempotency (
        key         TEXT PRIMARY KEY,
        at_ms       INTEGER NOT NULL,
        actor       TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        response    TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_by_age ON idempotency (at_ms);

    CREATE TABLE release (
        workload      TEXT NOT NULL,
        name          TEXT NOT NULL,
        fingerprint   TEXT NOT NULL,
        artifact      TEXT NOT NULL,
        endpoints     TEXT NOT NULL,
        registered_ms INTEGER NOT NULL,
        registered_by TEXT NOT NULL,
        PRIMARY KEY (workload, name)
    ) STRICT, WITHOUT ROWID;

    -- Apart from the registry: a state may name a release before it is registered.
    CREATE TABLE release_used (
        workload TEXT NOT NULL,
        name     TEXT NOT NULL,
        at_ms    INTEGER NOT NULL,
        PRIMARY KEY (workload, name)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Whether somebody registered the release while the program ran. Such a release stays without
    -- the configuration file.
    ALTER TABLE release ADD COLUMN run_time INTEGER NOT NULL DEFAULT 0;

    -- Evidence as it was last seen, so that a restart goes on counting where it stopped.
    CREATE TABLE evidence (
        workload TEXT NOT NULL,
        rollout  TEXT NOT NULL,
        step     INTEGER NOT NULL,
        at_ms    INTEGER NOT NULL,
        body     BLOB NOT NULL,
        PRIMARY KEY (workload, rollout, step)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE analysis (
        id       TEXT PRIMARY KEY,
        workload TEXT NOT NULL,
        rollout  TEXT NOT NULL,
        step     INTEGER NOT NULL,
        at_ms    INTEGER NOT NULL,
        verdict  TEXT NOT NULL,
        -- A change rests on it: never forgotten.
        decisive INTEGER NOT NULL,
        body     BLOB NOT NULL
    ) STRICT;
    CREATE INDEX analysis_by_workload ON analysis (workload, at_ms);
    CREATE INDEX analysis_by_rollout ON analysis (workload, rollout, at_ms);
    CREATE INDEX analysis_by_age ON analysis (at_ms) WHERE decisive = 0;

    CREATE TABLE rollout (
        workload   TEXT NOT NULL,
        rollout    TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        ended_ms   INTEGER,
        phase      TEXT NOT NULL,
        body       TEXT NOT NULL,
        PRIMARY KEY (workload, rollout)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rollout_by_start ON rollout (workload, started_ms);

    -- What was counted in a minute, for asking later what another policy would have done.
    CREATE TABLE recorded_window (
        workload  TEXT NOT NULL,
        at_ms     INTEGER NOT NULL,
        stable    TEXT NOT NULL,
        candidate TEXT,
        body      BLOB NOT NULL,
        PRIMARY KEY (workload, at_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX recorded_window_by_age ON recorded_window (at_ms);

    CREATE TABLE drill (
        number   INTEGER PRIMARY KEY,
        workload TEXT NOT NULL,
        at_ms    INTEGER NOT NULL,
        actor    TEXT NOT NULL,
        passed   INTEGER NOT NULL,
        body     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX drill_by_workload ON drill (workload, at_ms);
",
    OUTBOX,
    SPENDING,
    EVAL_REPORTS,
    FLAGS,
    FACTS,
];

/// The table.
const FACTS: &str = "
    CREATE TABLE fact (
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        kind     TEXT NOT NULL,
        workload TEXT NOT NULL,
        subject  TEXT NOT NULL,
        once     TEXT,
        at_ms    INTEGER NOT NULL,
        actor    TEXT NOT NULL,
        seq      INTEGER NOT NULL,
        body     BLOB NOT NULL
    ) STRICT;
    CREATE INDEX fact_by_subject ON fact (kind, workload, subject, number);
    CREATE UNIQUE INDEX fact_once ON fact (kind, workload, subject, once) WHERE once IS NOT NULL;
";

/// Changes of flags at run time; see `flag`.
const FLAGS: &str = "
    CREATE TABLE flag (
        key   TEXT PRIMARY KEY,
        -- What is different at run time; nothing if the flag is as its file says.
        state TEXT,
        epoch INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Which audit entries are about which flag.
    CREATE TABLE flag_change (
        key TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (key, seq)
    ) STRICT, WITHOUT ROWID;
";

/// Offline comparisons of releases; see `eval_report`.
const EVAL_REPORTS: &str = "
    CREATE TABLE eval_report (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        workload    TEXT NOT NULL,
        release     TEXT NOT NULL,
        at_ms       INTEGER NOT NULL,
        actor       TEXT NOT NULL,
        verdict     TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        body        BLOB NOT NULL
    ) STRICT;
    CREATE INDEX eval_report_by_release ON eval_report (workload, release, number);
";

/// The spending of workloads; see `spend`.
const SPENDING: &str = "
    CREATE TABLE spending (
        workload TEXT PRIMARY KEY,
        at_ms    INTEGER NOT NULL,
        body     BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Messages on their way out; see `outbox`.
const OUTBOX: &str = "
    CREATE TABLE outbox (
        id        INTEGER PRIMARY KEY AUTOINCREMENT,
        channel   TEXT NOT NULL,
        notice    TEXT NOT NULL,
        topic     TEXT NOT NULL,
        rank      INTEGER NOT NULL,
        body      TEXT NOT NULL,
        at_ms     INTEGER NOT NULL,
        due_ms    INTEGER NOT NULL,
        state     TEXT NOT NULL DEFAULT 'pending',
        attempts  INTEGER NOT NULL DEFAULT 0,
        failed_ms INTEGER,
        error     TEXT,
        ended_ms  INTEGER,
        UNIQUE (channel, notice)
    ) STRICT;
    CREATE INDEX outbox_pending ON outbox (channel, topic, id) WHERE state = 'pending';
    CREATE INDEX outbox_ended ON outbox (ended_ms) WHERE state <> 'pending';
    CREATE INDEX outbox_failed ON outbox (channel, failed_ms) WHERE failed_ms IS NOT NULL;
";

/// Sets the connection up and brings the file to the latest schema. The inner error is a file that
/// a later version wrote.
pub(super) fn prepare(db: &mut Connection) -> rusqlite::Result<Result<(), StoreError>> {
    // The process lock keeps others out; a backup tool may still hold a read lock for a moment.
    db.busy_timeout(Duration::from_secs(5))?;
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Ok(Err(StoreError::NewerSchema { found, known }));
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cell_size_check", true)?;
    for (version, script) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let step = db.transaction()?;
        step.execute_batch(script)?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
    }
    Ok(Ok(()))
}
