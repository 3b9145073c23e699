//! Places in a checkout.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// A checkout of the project.
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// The checkout this program was built from.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets this for `cargo xtask`; a copy of the program elsewhere still
        // finds the checkout it was built in.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest)
            .parent()
            .context("the xtask package must lie one level below the workspace root")?
            .to_owned();
        Ok(Self { root })
    }

    /// The workspace root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A file or directory of the checkout, relative to its root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A directory for what chores install or write, below `target/`; created.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join("target").join(name);
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(dir)
    }

    /// The target directory of Cargo.
    pub(crate) fn cargo_target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// A Cargo command in the root, free of what `cargo run` set for this program.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args).current_dir(&self.root);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_")) {
                command.env_remove(name);
            }
        }
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
        command
    }
}
