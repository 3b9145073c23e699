//! Starting other programs, watching what they print, and ending them by id.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, bail};

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs to the end with the terminal as output; an error unless it exits 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", shown(command)))?;
    expect_success(command, status)
}

/// Runs to the end and returns what it printed; an error, with what it printed
/// on standard error, unless it exits 0.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.output().with_context(|| format!("starting {}", shown(command)))?;
    if !status.success() {
        bail!(
            "{} ended with {status}: {}",
            shown(command),
            String::from_utf8_lossy(&stderr).trim()
        );
    }
    String::from_utf8(stdout).with_context(|| format!("{} printed no text", shown(command)))
}

/// Runs to the end, passes every line of both outputs on as it comes, and shows
/// each to `see`. An error unless it exits 0.
pub(crate) fn watched(command: &mut Command, mut see: impl FnMut(&str)) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", shown(command)))?;
    let (lines, incoming) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, lines.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, lines.clone());
    }
    drop(lines);
    // Ends when both pipes are closed.
    for line in incoming {
        println!("{line}");
        see(&line);
    }
    let status = child.wait().with_context(|| format!("waiting for {}", shown(command)))?;
    expect_success(command, status)
}

fn forward(pipe: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if lines.send(text).is_err() {
                break;
            }
        }
    });
}

fn expect_success(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", shown(command))
}

/// A program that runs beside us and is ended, by its own id, when this is dropped.
pub(crate) struct Background {
    child: Child,
    name: String,
}

impl Background {
    /// Starts the program; `name` is what errors call it.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}: {}", shown(command)))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// Starts a program whose standard input and output are pipes.
    pub(crate) fn start_piped(name: &str, command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}: {}", shown(command)))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// Those pipes, once; none of a program that was started without.
    pub(crate) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error if it has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("asking after {}", self.name))? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself with {status}", self.name),
        }
    }

    /// Asks it to end as Ctrl-C would, and waits for that.
    pub(crate) fn interrupt(mut self) -> Result<()> {
        run(Command::new("kill").arg("-INT").arg(self.id().to_string()))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Work in a drop, because an early return must not leave a proxy behind on
        // somebody's machine. Both calls fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_both_outputs_is_seen_and_a_failure_is_told() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let error = watched(&mut command, |line| seen.push(line.to_owned()))
            .expect_err("it exits 3")
            .to_string();
        seen.sort();
        assert_eq!(seen, ["err", "out"]);
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_program_in_the_background_is_gone_after_the_drop() {
        let sleeper =
            Background::start("sleeper", Command::new("sleep").arg("600")).expect("sleep starts");
        let entry = format!("/proc/{}", sleeper.id());
        assert!(std::path::Path::new(&entry).exists());
        drop(sleeper);
        assert!(!std::path::Path::new(&entry).exists());
    }
}
