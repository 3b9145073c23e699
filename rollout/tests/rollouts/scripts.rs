//! Runs `tests/scripts/*.txt`: lines that begin with `>` go in, what comes out stands below them.
//!
//! `STAGEGATE_WRITE_SCRIPTS=1 cargo test -p stagegate-rollout --test rollouts` writes what comes
//! out into the files; look at the difference before keeping it.

use crate::traffic::{Behaviour, Even};
use crate::world::{HOUR, MINUTE, SECOND, World, quick};
use stagegate_rollout::{
    AnalysisId, Command, Doubt, DoubtKind, Effect, OfflineEval, OfflineReport, Policy, Readiness,
    Span, Weight, WorkloadState,
};
use std::fmt::Write as _;
use std::path::Path;

/// One script in progress.
struct Player {
    world: World<Even>,
    policy: Policy,
    /// Requests a second.
    rps: f64,
    arms: [Behaviour; 2],
    looked_at: Option<AnalysisId>,
    out: String,
}

#[test]
fn scripts_give_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let write = std::env::var_os("STAGEGATE_WRITE_SCRIPTS").is_some();
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 15, "only {} scripts", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let expected = std::fs::read_to_string(&path).expect("a script");
        let found = play(&expected);
        if write {
            std::fs::write(&path, &found).expect("written");
        } else if found != expected {
            let line = found.lines().zip(expected.lines()).position(|(a, b)| a != b);
            let line = line.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
            wrong.push(format!(
                "{}:{}\n  says:  {}\n  gives: {}",
                path.display(),
                line + 1,
                expected.lines().nth(line).unwrap_or("(end)"),
                found.lines().nth(line).unwrap_or("(end)"),
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The script with what comes out of its inputs.
fn play(script: &str) -> String {
    let mut player = Player {
        world: World::new([Even::default(), Even::default()]),
        policy: quick(),
        rps: 100.0,
        arms: [Behaviour::GOOD; 2],
        looked_at: None,
        out: String::new(),
    };
    for line in script.lines() {
        if let Some(input) = line.strip_prefix("> ") {
            writeln!(player.out, "{line}").expect("text");
            player.line(input);
        } else if !line.starts_with("  ") {
            writeln!(player.out, "{line}").expect("text");
        }
    }
    player.out
}

impl Player {
    fn line(&mut self, input: &str) {
        let (words, reason) = input.split_once(" because ").unwrap_or((input, ""));
        let mut words = words.split(' ');
        let verb = words.next().unwrap_or("");
        let rest: Vec<&str> = words.collect();
        match verb {
            "policy" => {
                self.policy = if rest == ["builtin"] { Policy::builtin() } else { quick() };
                if rest == ["holdback"] {
                    self.policy.holdback = Weight::percent(1);
                }
            }
            "rps" => self.rps = number(rest[0]),
            "stable" | "candidate" => self.behave(usize::from(verb == "candidate"), &rest),
            "preflight" => self.preflight(&rest),
            "serve" => self.serve(duration(rest[0])),
            "down" => {
                // The newest tick was not stored yet.
                let stored = self.world.evidence.clone();
                self.world.now_ms += duration(rest[0]);
                self.world.crash(stored.as_ref());
                self.say_state();
            }
            "judge" => {
                let kind = DoubtKind::ALL.into_iter().find(|kind| kind.label() == rest[0]);
                self.world.doubt = kind.map(|kind| Doubt { kind, words: "as told".to_owned() });
            }
            "keys" => self.world.lost_keys = rest == ["lost"],
            "look" => self.look(),
            "analysis" => self.analysis(),
            "promote" if rest.contains(&"seen") => {
                let expect = self.looked_at.clone();
                self.command(&Command::Promote { expect, force: false }, reason, false);
            }
            _ => {
                let overriding = rest.contains(&"override");
                let command = self.parse(verb, &rest);
                self.command(&command, reason, overriding);
            }
        }
    }

    fn parse(&self, verb: &str, rest: &[&str]) -> Command {
        match verb {
            "start" => Command::Start {
                to: rest[0].parse().expect("a release"),
                policy: Box::new(self.policy.clone()),
            },
            "promote" => Command::Promote { expect: None, force: rest.contains(&"force") },
            "pause" => Command::Pause,
            "resume" => Command::Resume,
            "abort" => Command::Abort,
            "rollback" => Command::Rollback,
            "restore" => Command::Restore,
            "kill" => Command::Kill,
            "revive" => Command::Revive,
            "reload" => Command::Declare,
            "weight" => Command::SetWeight { weight: rest[0].parse().expect("a share") },
            other => panic!("no input `{other}`"),
        }
    }

    fn behave(&mut self, arm: usize, rest: &[&str]) {
        self.arms[arm] = Behaviour::GOOD;
        for setting in rest.iter().filter(|setting| **setting != "good") {
            let (key, value) = setting.split_once('=').expect("key=value");
            self.arms[arm] = self.arms[arm].with(key, number(value));
        }
    }

    fn preflight(&mut self, rest: &[&str]) {
        let gone = || Readiness::NotReady("0 of 2 endpoints are healthy".to_owned());
        for setting in rest {
            match *setting {
                "candidate-down" => self.world.preflight.candidate = gone(),
                "target-down" => self.world.preflight.target = gone(),
                "never-drilled" => self.world.preflight.drilled_ms = None,
                "drilled-long-ago" => {
                    self.world.preflight.drilled_ms = Some(self.world.now_ms - 8 * 24 * HOUR);
                }
                "no-scorer" => {
                    let gate = self.policy.gates[0].id();
                    let why = "the workload has no scorer".to_owned();
                    self.world.preflight.unmeasurable.push((gate, why));
                }
                "no-report" => {
                    self.world.preflight.offline = OfflineEval::Missing("none is attached".into());
                }
                "report-fell" => {
                    self.world.preflight.offline = OfflineEval::Fell("q-7, q-9".into());
                }
                "scorers=none" => self.world.preflight.has_scorers = false,
                "reports=required" => self.policy.offline_report = OfflineReport::Required,
                "reports=optional" => self.policy.offline_report = OfflineReport::Optional,
                "ready" => self.world.preflight = crate::world::ready(self.world.now_ms),
                other => panic!("no check `{other}`"),
            }
        }
    }

    fn command(&mut self, command: &Command, reason: &str, overriding: bool) {
        match self.world.command(command, reason, overriding) {
            Ok(effects) => {
                self.say_effects(&effects, None);
                self.say_state();
            }
            Err(refusal) => writeln!(self.out, "  refused: {refusal}").expect("text"),
        }
    }

    fn serve(&mut self, length_ms: u64) {
        let tick_ms = if length_ms > 2 * HOUR { MINUTE } else { SECOND };
        let began = self.world.now_ms;
        let mut carried = 0.0;
        while self.world.now_ms - began < length_ms {
            carried += self.rps * tick_ms as f64 / 1000.0;
            let requests = carried as u64;
            carried -= requests as f64;
            let [stable, candidate] = self.arms;
            let effects = self.world.tick(tick_ms, requests, &stable, &candidate);
            self.say_effects(&effects, Some(self.world.now_ms - began));
        }
        self.say_state();
    }

    fn look(&mut self) {
        let newest = self.world.newest.as_ref();
        self.looked_at = newest.map(|analysis| analysis.id.clone());
        match newest {
            Some(analysis) => {
                writeln!(self.out, "  {} {}", analysis.id, analysis.verdict).expect("text");
                for block in &analysis.blocks {
                    writeln!(self.out, "  waits for: {block}").expect("text");
                }
            }
            None => writeln!(self.out, "  nothing was measured").expect("text"),
        }
    }

    fn analysis(&mut self) {
        let shown = self.world.newest.as_ref().map_or_else(String::new, ToString::to_string);
        for line in shown.lines() {
            writeln!(self.out, "  {line}").expect("text");
        }
    }

    fn say_effects(&mut self, effects: &[Effect], after: Option<u64>) {
        let at = after.map_or(String::new(), |ms| format!("+{}: ", Clock(ms)));
        for effect in effects {
            let said = match effect {
                Effect::Record(entry) => {
                    let analysis =
                        entry.analysis.as_ref().map_or(String::new(), |id| format!(" ({id})"));
                    let against: String =
                        entry.against.iter().map(|it| format!(" [against: {it}]")).collect();
                    let (action, by, summary) = (&entry.action, &entry.by, &entry.summary);
                    format!("record {action} by {by}: {summary}{analysis}{against}")
                }
                Effect::Publish => "publish".to_owned(),
                Effect::Cut => "cut".to_owned(),
                Effect::Notify(notice) => {
                    let axis = notice.axis.map_or(String::new(), |axis| format!(" {axis}"));
                    let owner =
                        notice.owner.as_deref().map_or(String::new(), |it| format!(" @{it}"));
                    let (severity, kind) = (notice.severity.label(), notice.kind.label());
                    format!("notify {severity} {kind}{axis}{owner}: {}", notice.title)
                }
            };
            writeln!(self.out, "  {at}{said}").expect("text");
        }
    }

    fn say_state(&mut self) {
        let state = describe(&self.world.state);
        writeln!(self.out, "  = {state}").expect("text");
    }
}

/// The state in one line.
fn describe(state: &WorkloadState) -> String {
    let rollout = state.rollout.as_ref().map_or("idle".to_owned(), |rollout| {
        format!("{} at step {}", rollout.phase, rollout.step + 1)
    });
    let candidate = state.candidate.as_ref().map_or("none".to_owned(), ToString::to_string);
    let closed = if state.closed.is_some() { " closed" } else { "" };
    let killed = if state.killed.is_some() { ", killed" } else { "" };
    let previous = state.previous.as_ref().map_or(String::new(), |it| format!(", previous {it}"));
    let shown =
        if state.weight == Weight::ZERO { "0%".to_owned() } else { state.weight.to_string() };
    format!(
        "{rollout}, stable {}, candidate {candidate}{closed} {shown}{previous}{killed}",
        state.stable
    )
}

fn number(text: &str) -> f64 {
    let (text, scale) = text.strip_suffix('%').map_or((text, 1.0), |text| (text, 0.01));
    text.parse::<f64>().expect("a number") * scale
}

fn duration(text: &str) -> u64 {
    let units = [("s", SECOND), ("m", MINUTE), ("h", HOUR), ("d", 24 * HOUR)];
    let parsed = units
        .into_iter()
        .find_map(|(unit, length)| Some(text.strip_suffix(unit)?.parse::<u64>().ok()? * length));
    parsed.unwrap_or_else(|| panic!("no duration `{text}`"))
}

/// Minutes and seconds.
struct Clock(u64);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0 / 1000;
        match (seconds / 60, seconds % 60) {
            (_, 0) => write!(f, "{}", Span(self.0)),
            (0, _) => write!(f, "{seconds}s"),
            (minutes, seconds) => write!(f, "{minutes}m{seconds}s"),
        }
    }
}
