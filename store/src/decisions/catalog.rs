//! The segments. Only the writer changes the list; readers hold it for a moment.

use super::LogError;
use super::group::Group;
use super::growing::{Growing, path_of};
use super::sealed::Sealed;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The segments of a log.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Complete segments, the oldest first.
    pub(super) sealed: VecDeque<Arc<Sealed>>,
    /// The one being written, once there was something to write.
    pub(super) growing: Option<Growing>,
    /// Order of the last batch that came out of the queue: it is in a segment, or dropped.
    pub(super) done: u64,
    /// Number of the next segment.
    pub(super) next_number: u64,
}

impl Catalog {
    /// Finds the segments in `dir`, brings what a crash left behind in order, and counts those that
    /// had to be set aside as unreadable.
    pub(super) fn open(dir: &Path) -> Result<(Self, u64), LogError> {
        let numbers = numbers_in(dir)?;
        let mut catalog = Self::default();
        let mut set_aside = 0;
        for &number in &numbers {
            catalog.next_number = number + 1;
            if let Some(sealed) = Sealed::open(dir, number)? {
                catalog.sealed.push_back(Arc::new(sealed));
                continue;
            }
            let path = path_of(dir, number);
            match Growing::recover(&path, number)? {
                Some(segment) if numbers.last() == Some(&number) => catalog.growing = Some(segment),
                Some(segment) => {
                    catalog.sealed.push_back(Arc::new(Sealed::seal(dir, &segment)?));
                }
                None => {
                    set_aside += u64::from(set_aside_or_remove(&path)?);
                }
            }
        }
        Ok((catalog, set_aside))
    }

    /// Takes a written group into the growing segment.
    pub(super) fn publish(&mut self, group: &Group) {
        if let Some(growing) = &mut self.growing {
            growing.publish(group);
        }
    }

    /// Bytes on disk, counting the index that the growing segment will get.
    pub(super) fn size(&self) -> u64 {
        let growing = self.growing.as_ref().map_or(0, |it| it.len + 8 * it.index.len() as u64);
        self.sealed.iter().map(|it| it.size).sum::<u64>() + growing
    }

    /// Arrival of the oldest record, in Unix milliseconds.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        let sealed = self.sealed.iter().map(|it| it.extent.oldest_ms);
        let growing = self.growing.iter().map(|it| it.extent.oldest_ms);
        sealed.chain(growing).min().filter(|oldest| *oldest != u64::MAX)
    }
}

/// The numbers of the segments in `dir`, in order. Removes what was being written in a crash.
fn numbers_in(dir: &Path) -> Result<Vec<u64>, LogError> {
    let listing = LogError::io("list", dir);
    let mut numbers = Vec::new();
    for file in fs::read_dir(dir).map_err(&listing)? {
        let path = file.map_err(&listing)?.path();
        let number =
            path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let Some(number) = number else { continue };
        match path.extension().and_then(|kind| kind.to_str()) {
            Some("log") => numbers.push(number),
            Some("draft") => fs::remove_file(&path).map_err(LogError::io("delete", &path))?,
            Some("idx") if !path_of(dir, number).exists() => {
                fs::remove_file(&path).map_err(LogError::io("delete", &path))?;
            }
            _ => {}
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Handles a block file without a readable header: removes it if it has no blocks, else renames it
/// for inspection. Returns true if it was kept.
fn set_aside_or_remove(path: &Path) -> Result<bool, LogError> {
    let len = fs::metadata(path).map_err(LogError::io("read", path))?.len();
    if len <= super::growing::HEADER as u64 {
        fs::remove_file(path).map_err(LogError::io("delete", path))?;
        return Ok(false);
    }
    fs::rename(path, path.with_extension("damaged")).map_err(LogError::io("rename", path))?;
    Ok(true)
}
