//! A small file beside the store: the emergencies that are in force and not recorded yet. A process
//! that is killed while its store hangs finds them there.
//!
//! A second file is kept in reserve: on a full disk the list is written over it, and it takes the
//! place of the first.

use super::unrecorded::Unrecorded;
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const NAME: &str = "unrecorded.json";
const RESERVE: &str = "unrecorded.reserve";
/// Room for some hundred emergencies.
const RESERVED: usize = 64 * 1024;

/// The file of one data directory.
#[derive(Debug)]
pub(super) struct UnrecordedFile {
    path: PathBuf,
    /// Held while the file is written, so that the newest list is the last one written.
    writing: Mutex<()>,
}

/// The contents of the file.
#[derive(Serialize, Deserialize)]
struct Contents {
    /// CRC-32 of `unrecorded`, in hex.
    checksum: String,
    /// The emergencies, as JSON.
    unrecorded: String,
}

impl UnrecordedFile {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join(NAME), writing: Mutex::new(()) }
    }

    /// Keeps room for the list on the disk. A disk that has none is a disk to look after anyway.
    pub(super) fn reserve(&self) {
        let path = self.path.with_file_name(RESERVE);
        let is_there = std::fs::metadata(&path).is_ok_and(|it| it.len() >= RESERVED as u64);
        let Some(mut file) = (!is_there).then(|| create(&path).ok()).flatten() else { return };
        let written = file.write_all(&[b' '; RESERVED]).and_then(|()| file.sync_data());
        if let Err(error) = written {
            tracing::warn!(%error, "no room for rollbacks that cannot be recorded");
        }
    }

    fn text(newest: &[Unrecorded]) -> std::io::Result<Vec<u8>> {
        let each: Vec<Unrecorded> = newest.iter().map(readable).collect();
        let unrecorded = serde_json::to_string(&each)?;
        let contents = Contents { checksum: checksum(&unrecorded), unrecorded };
        Ok(serde_json::to_vec(&contents)?)
    }

    /// Writes `text` over the reserve and puts that in the list's place.
    fn write_over_reserve(&self, text: &[u8]) -> std::io::Result<()> {
        let path = self.path.with_file_name(RESERVE);
        let mut file = std::fs::OpenOptions::new().write(true).open(&path)?;
        let room = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if text.len() > room {
            return Err(ErrorKind::StorageFull.into());
        }
        // What follows the list is blank, which JSON ignores.
        let mut whole = text.to_vec();
        whole.resize(room, b' ');
        file.write_all(&whole)?;
        std::fs::rename(&path, &self.path)
    }

    /// The emergencies that a former process left.
    ///
    /// # Errors
    /// A description of the problem with the file.
    pub(super) fn read(&self) -> Result<Vec<Unrecorded>, String> {
        let wrong = |why: String| format!("{}: {why}", self.path.display());
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let contents: Contents =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if contents.checksum != checksum(&contents.unrecorded) {
            return Err(wrong("its checksum is wrong".to_owned()));
        }
        serde_json::from_str(&contents.unrecorded).map_err(|error| wrong(error.to_string()))
    }

    /// Writes what `newest` gives, or removes the file if that is nothing. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn write(&self, newest: impl FnOnce() -> Vec<Unrecorded>) -> std::io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = newest();
        if newest.is_empty() {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.reserve();
            return Ok(());
        }
        let text = Self::text(&newest)?;
        // No sync: a disk that hangs must not keep the answer waiting. The file outlives the
        // process, and not a loss of power.
        let replace = || {
            let temporary = self.path.with_extension("json.new");
            let written = create(&temporary).and_then(|mut file| file.write_all(&text));
            if written.is_err() {
                let _ = std::fs::remove_file(&temporary);
            }
            written?;
            std::fs::rename(&temporary, &self.path)
        };
        let written = replace();
        match written {
            // Somebody took the directory away: the next process finds this in the new one.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(dir) = self.path.parent() {
                    std::fs::create_dir_all(dir)?;
                }
                replace()
            }
            Err(_) => self.write_over_reserve(&text),
            Ok(()) => Ok(()),
        }
    }
}

/// Opens a file for this user alone, empty.
fn create(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The emergency in a form that can be read back: figures that JSON has no word for cost the
/// evidence, and not the rollback.
fn readable(unrecorded: &Unrecorded) -> Unrecorded {
    let text = serde_json::to_string(unrecorded);
    let is_readable = text.is_ok_and(|text| serde_json::from_str::<Unrecorded>(&text).is_ok());
    match unrecorded {
        Unrecorded::Workload(emergency) if !is_readable => Unrecorded::Workload(emergency.plain()),
        other => other.clone(),
    }
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{NAME, UnrecordedFile};
    use crate::emergency::{Emergency, What};
    use crate::unrecorded::{FlagEmergency, Unrecorded};
    use stagegate_flags::TakenAway;
    use stagegate_rollout::Command;

    fn rollback() -> Unrecorded {
        Unrecorded::Workload(Emergency {
            id: 0,
            workload: "agent".to_owned(),
            actor: "ada".to_owned(),
            reason: "bad".to_owned(),
            at_ms: 7,
            what: What::Command { command: Box::new(Command::Rollback), overriding: false },
            answer: None,
        })
    }

    fn switched_off() -> Unrecorded {
        Unrecorded::Flag(FlagEmergency {
            id: 0,
            flag: "refunds".to_owned(),
            actor: "ada".to_owned(),
            reason: "bad".to_owned(),
            at_ms: 7,
            action: "flag_off".to_owned(),
            said: "off".to_owned(),
            taken: TakenAway { disabled: true, ..TakenAway::default() },
            answer: None,
        })
    }

    #[test]
    fn a_list_is_read_back_and_an_empty_one_leaves_no_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = UnrecordedFile::in_dir(dir.path());
        assert_eq!(file.read(), Ok(Vec::new()));
        let both = || vec![rollback(), switched_off()];
        file.write(both).expect("written");
        assert_eq!(file.read(), Ok(both()));
        file.write(Vec::new).expect("removed");
        assert!(!dir.path().join(NAME).exists());
    }

    #[test]
    fn without_room_the_list_is_written_over_the_reserve() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = UnrecordedFile::in_dir(dir.path());
        file.reserve();
        file.write_over_reserve(b"{}").expect("written");
        assert!(file.read().is_err(), "it is no list");
        file.write(Vec::new).expect("removed, and the reserve is there again");
        let contents = UnrecordedFile::text(&[rollback()]).expect("a text");
        file.write_over_reserve(&contents).expect("written");
        assert_eq!(file.read(), Ok(vec![rollback()]));
    }

    #[test]
    fn a_directory_that_was_taken_away_is_made_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = UnrecordedFile::in_dir(&dir.path().join("data"));
        file.write(|| vec![rollback()]).expect("written");
        assert_eq!(file.read(), Ok(vec![rollback()]));
    }

    #[test]
    fn a_damaged_file_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = UnrecordedFile::in_dir(dir.path());
        file.write(|| vec![rollback()]).expect("written");
        let path = dir.path().join(NAME);
        let text = std::fs::read_to_string(&path).expect("it is there");
        for damaged in [text.replace("agent", "agenda"), text[..text.len() / 2].to_owned()] {
            std::fs::write(&path, damaged).expect("written");
            assert!(file.read().is_err());
        }
    }
}
