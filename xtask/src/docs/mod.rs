//! `cargo xtask docs`: writes the generated pages of `docs/reference`, checks every link, and
//! builds the book into `target/book`.

mod links;
mod promises;
mod reference;
mod tree;

use std::process::Command;

use anyhow::Result;

use crate::process::{output, run as run_command};
use crate::project::Project;
use crate::tools;

/// Write the pages, or only compare them.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write no reference page; fail if one differs from the code
    #[arg(long)]
    check: bool,
    /// Only check links and build the book, which needs no build of Stagegate
    #[arg(long, conflicts_with = "check")]
    links: bool,
}

/// Writes or compares the generated pages, then checks links and builds the book.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if args.check {
        return check(project);
    }
    if !args.links {
        reference::write(project)?;
    }
    tree::check_links(project)?;
    book(project)
}

/// Fails if a generated page is stale, a link leads nowhere, or the book cannot be built.
pub(crate) fn check(project: &Project) -> Result<()> {
    reference::check(project)?;
    tree::check_links(project)?;
    book(project)
}

fn book(project: &Project) -> Result<()> {
    let mdbook = tools::python_bare(project, "book-tool", "xtask/book.txt")?.join("bin/mdbook");
    println!("building the book with {}", output(Command::new(&mdbook).arg("--version"))?.trim());
    run_command(Command::new(mdbook).arg("build").arg(project.root()))
}
