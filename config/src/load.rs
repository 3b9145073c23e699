//! From a file or a text to checked settings.

use crate::check;
use crate::raw::RawConfig;
use crate::read::{self, Context, Cursor, Read, Site};
use crate::{Config, Loaded, Problem, Problems};
use std::path::Path;

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
    let name = path.display().to_string();
    let whole_file = |message: String, hint: &str| {
        Problems(vec![Problem {
            file: name.as_str().into(),
            line: 0,
            column: 0,
            key: String::new(),
            value: None,
            message,
            hint: hint.to_owned(),
        }])
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
    let content = String::from_utf8(bytes)
        .map_err(|_| whole_file("is not UTF-8 text".into(), "save the file as UTF-8"))?;
    // The parent of a bare file name is empty, which is no directory to read from.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let base_dir = parent.unwrap_or(Path::new("."));
    text(&content, &name, base_dir, &|variable| std::env::var(variable).ok())
}

/// Checks a text as if it were a file.
fn text(
    text: &str,
    file_name: &str,
    base_dir: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Problems> {
    let mut cx = Context::new(file_name, base_dir, env);
    let root = match read::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let site = Site { mark: error.mark, key: String::new(), written: None };
            cx.problem(&site, error.message, error.hint);
            return Err(Problems(cx.finish().0));
        }
    };
    let raw = RawConfig::read(&Cursor::root(&root), &mut cx);
    let config = raw.and_then(|raw| check::config(raw, &mut cx));
    let (mut problems, warnings) = cx.finish();
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, warnings }),
        None if problems.is_empty() => {
            // Every `None` on the way here reports why; this keeps a slip from passing as success.
            problems.push(Problem {
                file: file_name.into(),
                line: 0,
                column: 0,
                key: String::new(),
                value: None,
                message: "could not be read".into(),
                hint: "report this file as a defect of the checker".into(),
            });
            Err(Problems(problems))
        }
        _ => Err(Problems(problems)),
    }
}
