//! Files of flags.

use stagegate_flags::{FILE_BYTES, FlagFile, FlagSet, Problem, Severity};
use stagegate_settings as settings;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// Why files are not in force.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {cause}")]
    Io {
        /// The file.
        path: String,
        /// The system's words.
        cause: std::io::Error,
    },
    /// A file has problems, or two files have one flag.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    /// Most keys of these flags would get another variant.
    #[error("another `bucketing` gives most users of {} another variant; it is taken only at a start", .0.join(", "))]
    Bucketing(Vec<String>),
}

impl ReadError {
    /// One line for each problem.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Problems(problems) => problems.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }
}

/// Files that were read.
#[derive(Debug)]
pub struct Read {
    /// Their flags.
    pub set: FlagSet,
    /// What somebody should look at.
    pub warnings: Vec<Problem>,
    /// Path and text of each file.
    pub texts: Vec<(String, String)>,
}

/// Reads and joins the files.
///
/// # Errors
/// When a file cannot be read, or with every problem of all files.
pub fn read(settings: &settings::Flags) -> Result<Read, ReadError> {
    let (mut files, mut problems, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for path in &settings.files {
        let (name, text) = (path.display().to_string(), text(path)?);
        let file = FlagFile::read(&name, &text);
        texts.push((name, text));
        match file {
            Ok(file) => {
                problems.extend_from_slice(file.warnings());
                files.push(file);
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(ReadError::Problems(problems));
    }
    let set = FlagSet::of(files, settings.bucketing).map_err(ReadError::Problems)?;
    Ok(Read { set, warnings: problems, texts })
}

/// The text of a file, one byte more at most than a file may have.
fn text(path: &Path) -> Result<String, ReadError> {
    use std::io::Read;
    let failed = |cause| ReadError::Io { path: path.display().to_string(), cause };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(FILE_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// What tells one state of the files from another: size and time of each, through symlinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look(Vec<(PathBuf, Option<Facts>)>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    bytes: u64,
    changed: Option<SystemTime>,
}

pub(crate) fn look(settings: &settings::Flags) -> Look {
    let facts = |path: &PathBuf| {
        let facts = std::fs::metadata(path).ok()?;
        Some(Facts { bytes: facts.len(), changed: facts.modified().ok() })
    };
    Look(settings.files.iter().map(|path| (path.clone(), facts(path))).collect())
}
