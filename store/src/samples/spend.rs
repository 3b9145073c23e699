//! The spend of the judges. A row holds the most that can have been spent on its day. It is written
//! before a call with the highest possible cost, and again after the call with the real cost. A
//! process that dies in between leaves a count that is too high, never too low.

use super::{FILE, SamplesError, connect};
use rusqlite::{Connection, params};
use std::path::Path;

/// Money is kept as a signed integer of 64 bits.
const MOST: u64 = i64::MAX as u64;

/// The spending of one account on its newest day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeSpend {
    /// Names the account.
    pub account: String,
    /// Days since 1970, UTC.
    pub day: u64,
    /// Nano-dollars, those of calls in progress included.
    pub nanos: u64,
}

/// The accounts, through a connection of their own: no accepting of samples stands in the way.
/// Calls block on the disk.
#[derive(Debug)]
pub struct SpendStore {
    db: Connection,
}

impl SpendStore {
    /// Opens or creates the accounts in `dir`, which belongs to this process already.
    ///
    /// # Errors
    /// When the file cannot be read or a later version wrote it.
    pub fn open(dir: &Path) -> Result<Self, SamplesError> {
        Ok(Self { db: connect(dir.join(FILE))? })
    }

    /// Replaces what is known of an account.
    ///
    /// # Errors
    /// When the disk refuses; what was known before still is then.
    pub fn keep(&self, spend: &JudgeSpend) -> Result<(), SamplesError> {
        let row = params![spend.account, spend.day, spend.nanos.min(MOST)];
        self.db
            .prepare_cached("INSERT OR REPLACE INTO judge_spend VALUES (?1, ?2, ?3)")
            .and_then(|mut sql| sql.execute(row))
            .map_err(SamplesError::doing("keeping what a judge spends"))?;
        Ok(())
    }

    /// Every account.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<JudgeSpend>, SamplesError> {
        let reading = SamplesError::doing("reading what judges spent");
        let mut rows = self
            .db
            .prepare("SELECT account, day, nanos FROM judge_spend ORDER BY account")
            .map_err(reading)?;
        let spend = |row: &rusqlite::Row<'_>| {
            Ok(JudgeSpend { account: row.get(0)?, day: row.get(1)?, nanos: row.get(2)? })
        };
        let rows = rows.query_map([], spend).map_err(reading)?;
        rows.collect::<Result<_, _>>().map_err(reading)
    }
}
