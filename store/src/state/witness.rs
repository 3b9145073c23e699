//! A small file beside the database that knows how far the history went: a database that was lost,
//! set back or damaged does not pass for a young one.
//!
//! It is written after every change, and not synced. After a loss of power it may be older than the
//! database, never newer: what it names must be in the database.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stagegate_rollout::WorkloadState;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the file inside the data directory.
pub(super) const FILE: &str = "witness.json";

/// How far the history went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Witness {
    /// Number of the newest plan.
    pub(super) epoch: u64,
    /// Number of audit entries.
    pub(super) entries: u64,
    /// Hash of the newest one, empty without any.
    pub(super) head: String,
    /// SHA-256 over the names and states of all workloads, in hex.
    pub(super) states: String,
    /// Releases that were rolled back, by workload; for people.
    pub(super) condemned: BTreeMap<String, Vec<String>>,
}

/// The file's contents.
#[derive(Serialize, Deserialize)]
struct Contents {
    /// CRC-32 of `witness`, in hex.
    checksum: String,
    /// The witness, as JSON.
    witness: String,
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none: a new directory, or one of a version that wrote none.
    Nothing,
    /// It cannot be read, and why.
    Damaged(String),
    /// How far the history went.
    Whole(Witness),
}

/// What the file in `dir` says.
pub(super) fn read(dir: &Path) -> Found {
    let text = match std::fs::read_to_string(dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Damaged(error.to_string()),
    };
    let witness = serde_json::from_str::<Contents>(&text).ok().filter(|contents| {
        contents.checksum == format!("{:08x}", crc32fast::hash(contents.witness.as_bytes()))
    });
    match witness.and_then(|contents| serde_json::from_str(&contents.witness).ok()) {
        Some(witness) => Found::Whole(witness),
        None => Found::Damaged("its checksum is wrong".to_owned()),
    }
}

impl Witness {
    /// How far the history of a database goes.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn of(db: &Connection) -> rusqlite::Result<Self> {
        let (epoch, entries, head) = db
            .prepare_cached("SELECT epoch, entries, hash FROM head")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let mut hash = Sha256::new();
        let mut condemned = BTreeMap::new();
        let mut rows = db.prepare_cached("SELECT name, state FROM workload ORDER BY name")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let (name, state): (String, String) = (row.get(0)?, row.get(1)?);
            for text in [&name, &state] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
            let releases = serde_json::from_str::<WorkloadState>(&state).map(|it| it.condemned);
            let releases: Vec<String> =
                releases.unwrap_or_default().keys().map(ToString::to_string).collect();
            if !releases.is_empty() {
                condemned.insert(name, releases);
            }
        }
        Ok(Self { epoch, entries, head, states: hex::encode(hash.finalize()), condemned })
    }

    /// Writes the file in `dir`.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let witness = serde_json::to_string(self)?;
        let checksum = format!("{:08x}", crc32fast::hash(witness.as_bytes()));
        let text = serde_json::to_vec(&Contents { checksum, witness })?;
        let temporary = dir.join("witness.json.new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&temporary)?.write_all(&text)?;
        std::fs::rename(&temporary, dir.join(FILE))
    }

    /// What of this history a database lacks or has otherwise; `None` when it has all of it.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn contradiction(&self, db: &Connection) -> rusqlite::Result<Option<String>> {
        let now = Self::of(db)?;
        if now.entries < self.entries || now.epoch < self.epoch {
            return Ok(Some(format!(
                "it ends at epoch {} with {} audit entries, and {FILE} knows of epoch {} with {}: its end is lost{}",
                now.epoch,
                now.entries,
                self.epoch,
                self.entries,
                self.named()
            )));
        }
        let hash: Option<String> = db
            .query_row("SELECT hash FROM audit WHERE seq = ?1", [self.entries], |row| row.get(0))
            .optional()?;
        if self.entries > 0 && hash.as_ref() != Some(&self.head) {
            return Ok(Some(format!(
                "its audit entry {} is not the one that {FILE} knows",
                self.entries
            )));
        }
        let same_moment = now.entries == self.entries && now.epoch == self.epoch;
        Ok((same_moment && now.states != self.states)
            .then(|| format!("the states of the workloads are not those that {FILE} knows")))
    }

    /// The condemned releases, in words.
    pub(super) fn named(&self) -> String {
        let each: Vec<String> = self
            .condemned
            .iter()
            .map(|(workload, releases)| format!("{} of {workload}", releases.join(", ")))
            .collect();
        if each.is_empty() {
            return String::new();
        }
        format!("; rolled back were {}", each.join("; "))
    }
}

/// Whether other files of `dir` show that there was a history, in words.
pub(super) fn other_traces(dir: &Path) -> Option<String> {
    let has_content =
        |name: &str| std::fs::metadata(dir.join(name)).is_ok_and(|it| it.is_file() && it.len() > 0);
    for name in ["state.db-wal", "samples.db"] {
        if has_content(name) {
            return Some(format!("{name} is there"));
        }
    }
    let mut decisions = std::fs::read_dir(dir.join("decisions")).ok()?.flatten();
    let is_log = |name: &str| name.ends_with(".log");
    decisions
        .any(|it| it.file_name().to_str().is_some_and(is_log))
        .then(|| "the decision log is there".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{FILE, Found, Witness, read};

    #[test]
    fn it_is_read_back_and_damage_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read(dir.path()), Found::Nothing);
        let witness = Witness { epoch: 7, entries: 9, head: "ab".into(), ..Witness::default() };
        witness.write(dir.path()).expect("written");
        assert_eq!(read(dir.path()), Found::Whole(witness));
        let path = dir.path().join(FILE);
        let text = std::fs::read_to_string(&path).expect("it is there");
        for damaged in [text.replace('7', "8"), text[..text.len() / 2].to_owned(), String::new()] {
            std::fs::write(&path, damaged).expect("written");
            assert!(matches!(read(dir.path()), Found::Damaged(_)));
        }
    }
}
