//! From a file or a text to checked settings.

use crate::check;
use crate::raw::RawConfig;
use crate::read::{self, Context, Cursor, Node, Read, Site};
use crate::{Config, Loaded, Problem, Problems, Written};
use std::mem;
use std::path::Path;
use std::rc::Rc;

/// Largest configuration file; tenant lists of any size belong in files of their own.
const MAX_BYTES: u64 = 16 << 20;

impl Config {
    /// Reads and checks a file. Relative paths in it are taken from the file's directory, `${NAME}`
    /// from the process's environment.
    ///
    /// # Errors
    /// Every problem found.
    pub fn load(path: &Path) -> Result<Loaded, Problems> {
        file(path)
    }

    /// Checks `text` as if it were the file `file_name` in `base_dir`; `env` answers `${NAME}`.
    ///
    /// # Errors
    /// Every problem found.
    pub fn parse(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded, Problems> {
        self::text(text, file_name, base_dir, env)
    }
}

/// Reads and checks a file, with the process's environment.
fn file(path: &Path) -> Result<Loaded, Problems> {
    let content = content(path)?;
    let name = path.display().to_string();
    text(&content, &name, base_dir(path), &|variable| std::env::var(variable).ok())
}

/// The text of a file.
pub(crate) fn content(path: &Path) -> Result<String, Problems> {
    let whole_file = |message: String, hint: &str| {
        Problems(vec![of_whole_file(&path.display().to_string(), message, hint)])
    };
    let length = std::fs::metadata(path).map(|meta| meta.len());
    if length.is_ok_and(|length| length > MAX_BYTES) {
        return Err(whole_file(
            "is larger than 16MiB".into(),
            "keep long tenant lists in files of their own, as `file:tenants.txt`",
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| {
        whole_file(format!("cannot be read: {error}"), "give the path of a readable file")
    })?;
    String::from_utf8(bytes)
        .map_err(|_| whole_file("is not UTF-8 text".into(), "save the file as UTF-8"))
}

/// The directory that relative paths in a file are taken from.
pub(crate) fn base_dir(path: &Path) -> &Path {
    // The parent of a bare file name is empty, which is no directory to read from.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A problem of a file as a whole.
pub(crate) fn of_whole_file(file: &str, message: String, hint: &str) -> Problem {
    Problem {
        file: file.into(),
        line: 0,
        column: 0,
        key: String::new(),
        value: None,
        message,
        hint: hint.to_owned(),
    }
}

/// The tree of a YAML text; `None` for what is none, which is then reported.
pub(crate) fn tree(text: &str, cx: &mut Context<'_>) -> Option<Rc<Node>> {
    match read::parse(text) {
        Ok(root) => Some(root),
        Err(error) => {
            let site = Site { mark: error.mark, key: String::new(), written: None };
            cx.problem(&site, error.message, error.hint);
            None
        }
    }
}

/// Checks a text as if it were a file.
fn text(
    text: &str,
    file_name: &str,
    base_dir: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Problems> {
    let mut cx = Context::new(file_name, base_dir, env);
    let Some(root) = tree(text, &mut cx) else { return Err(Problems(cx.finish().0)) };
    let raw = RawConfig::read(&Cursor::root(&root), &mut cx);
    let config = raw.and_then(|raw| check::config(raw, &mut cx));
    let (secrets, files) = (mem::take(&mut cx.secrets), mem::take(&mut cx.digests));
    let literal = mem::take(&mut cx.literal);
    let written = || Written { text: text.to_owned(), secrets, literal, files };
    let (mut problems, warnings) = cx.finish();
    match config {
        Some(config) if problems.is_empty() => {
            Ok(Loaded { config: Config { written: written(), ..config }, warnings })
        }
        None if problems.is_empty() => {
            // Every `None` on the way here reports why; this keeps a slip from passing as success.
            let hint = "report this file as a defect of the checker";
            problems.push(of_whole_file(file_name, "could not be read".into(), hint));
            Err(Problems(problems))
        }
        _ => Err(Problems(problems)),
    }
}
