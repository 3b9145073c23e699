//! Stagegate: one binary that splits live traffic between two versions of an AI-agent backend,
//! and takes the new one back in one step.

mod collect;
mod conversations;
mod counts;
mod external;
mod file_limit;
mod flags;
mod fleet;
mod handover;
mod journal;
mod listen;
mod local;
mod names;
mod notify;
mod otlp;
mod plane;
mod prepare;
mod queue;
mod reload;
mod remote_flags;
mod resolve;
mod run;
mod scoring;
mod serve;
mod signals;
mod supervise;
mod tls;
mod traces;
mod workers;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages: 2 MiB resident for whatever part of them is in use, and
    // cleared while somebody waits. Where the kernel has none, there is nothing to disable.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    stagegate_cli::run(stagegate_cli::from_environment(), &local::ThisProgram)
}
