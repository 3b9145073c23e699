//! The origin behind the proxies: both backends in one process, on the core of the load.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::bench::cores::on_load_core;
use crate::bench::programs::Programs;
use crate::bench::proxy;
use crate::bench::template::{Values, render};

/// The kind of origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// nginx, which answers everything from memory.
    Static,
    /// Our own, which sends events for as long as it is asked.
    Events,
}

/// The command that serves the stable and the candidate backend on these ports.
pub(super) fn command(
    kind: Kind,
    programs: &Programs,
    configs: &Path,
    dir: &Path,
    [stable, candidate]: [u16; 2],
) -> Result<Command> {
    match kind {
        Kind::Static => {
            let values: Values = vec![
                ("dir", dir.display().to_string()),
                ("stable_port", stable.to_string()),
                ("candidate_port", candidate.to_string()),
                ("body_300", text(300)),
                ("body_1k", text(1024)),
                ("chat_text", text(3_600)),
                ("chat_events", (0..31).map(|_| CHAT_EVENT).collect()),
            ];
            let config = render(&configs.join("origin.nginx.conf"), dir, "origin.conf", &values)?;
            let mut command = on_load_core(&programs.of(proxy::Kind::Nginx)?)?;
            command.arg("-c").arg(config).arg("-p").arg(dir);
            Ok(command)
        }
        Kind::Events => {
            let mut command = on_load_core(&programs.loadgen)?;
            command.arg("events");
            for port in [stable, candidate] {
                command.arg("--listen").arg(format!("127.0.0.1:{port}"));
            }
            Ok(command)
        }
    }
}

/// One event of a streamed chat answer, as an nginx string in single quotes.
const CHAT_EVENT: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\
    \"choices\":[{\"index\":0,\"delta\":{\"content\":\" words\"}}]}\n\n";

fn text(length: usize) -> String {
    const TEXT: &str = "the agent thought about it and then answered at some length. ";
    TEXT.chars().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_length_asked_for() {
        assert_eq!(text(300).len(), 300);
        assert_eq!(text(1024).len(), 1024);
    }

    #[test]
    fn what_goes_into_an_nginx_string_fits_into_one() {
        let events: String = (0..31).map(|_| CHAT_EVENT).collect();
        for string in [text(3_600), events] {
            assert!(string.len() < 4096 && !string.contains(['\'', '$']), "{}", string.len());
        }
    }
}
