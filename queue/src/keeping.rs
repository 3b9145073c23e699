//! Keeping a request: its room, its key, its place in the order.

use crate::cipher::{self, Text};
use crate::entry::{Kept, NewEntry};
use rusqlite::{Connection, OptionalExtension, params};
use stagegate_settings::Queue as Settings;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of the queues, by workload.
pub(crate) type All = Arc<BTreeMap<String, Settings>>;

/// By workload: requests that wait, and bytes on disk.
pub(crate) type Counts = BTreeMap<String, (u64, u64)>;

/// By workload: requests that wait, when the oldest of them came, and bytes on disk.
pub(crate) type Totals = BTreeMap<String, (u64, Option<u64>, u64)>;

pub(crate) fn bytes_of(text: &[u8]) -> u64 {
    text.len() as u64
}

/// A number as the file has it.
pub(crate) fn ms(at_ms: u64) -> i64 {
    i64::try_from(at_ms).unwrap_or(i64::MAX)
}

/// Keeps a request, if there is room; gives the bytes that it takes, 0 where it was there before.
pub(crate) fn keep(
    db: &Connection,
    all: &All,
    counts: &mut Counts,
    new: &NewEntry,
    now_ms: u64,
) -> rusqlite::Result<(Kept, u64)> {
    let Some(settings) = all.get(&new.workload) else { return Ok((Kept::Failed, 0)) };
    if let Some(caller) = &new.caller {
        let before = db
            .prepare_cached("SELECT id, digest FROM entry WHERE caller = ?1")?
            .query_row([&caller[..]], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        if let Some((id, digest)) = before {
            let kept = if digest == new.digest { Kept::Yes(id) } else { Kept::KeyReused };
            return Ok((kept, 0));
        }
    }
    let Some(id) = cipher::random::<16>().map(hex::encode) else { return Ok((Kept::Failed, 0)) };
    let plain = serde_json::to_vec(&new.request).unwrap_or_default();
    let key = settings.key.bytes();
    let Some(sealed) = cipher::seal(key, Text::Request, &id, &plain) else {
        return Ok((Kept::Failed, 0));
    };
    let (waiting, bytes) = counts.entry(new.workload.clone()).or_default();
    if *waiting >= settings.max || bytes.saturating_add(bytes_of(&sealed)) > settings.bytes {
        return Ok((Kept::Full, 0));
    }
    let expires_ms = now_ms.saturating_add(settings.lasting.as_millis() as u64);
    db.prepare_cached(
        "INSERT INTO entry (id, workload, state, line, caller, digest, repeatable, created_ms, changed_ms,
            expires_ms, bytes, request) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        id,
        new.workload,
        new.line,
        new.caller.as_ref().map(|it| &it[..]),
        &new.digest[..],
        new.repeatable,
        ms(now_ms),
        ms(expires_ms),
        ms(bytes_of(&sealed)),
        &sealed
    ])?;
    (*waiting, *bytes) = (*waiting + 1, *bytes + bytes_of(&sealed));
    Ok((Kept::Yes(id), bytes_of(&sealed)))
}
