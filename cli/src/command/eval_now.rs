//! `stagegate eval now`: the next answers of each arm, sampled and scored at once.

use super::workload::workload_path;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::output::table::Table;
use crate::output::{self, Format, Progress};
use clap::Args;
use serde_json::json;
use stagegate_api::{SampleSummary, Samples, WantedSamples, WorkloadDetail};
use stagegate_rollout::{Compared, ComparedFigure, Estimate, Series, figures};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use ureq::http::Method;

/// How often the command checks for new scores.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most answers of an arm: what one page of the API lists.
const MOST: u32 = 1000;

/// Options of `eval now`.
#[derive(Args, Debug)]
pub(crate) struct NowArgs {
    /// The workload.
    workload: String,
    /// Number of answers of each arm, up to 1000.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    count: u32,
    /// Percentage points that the candidate may be worse than stable; exit code 1 where it is shown
    /// to be worse by more.
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    margin: f64,
    /// How long to wait for answers and scores.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    timeout: crate::Duration,
}

/// The counts of one arm's samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Arm {
    /// Sampled since the command began.
    sampled: u32,
    passed: u64,
    failed: u64,
    /// Scorers are done and could not tell.
    unscored: u64,
}

impl Arm {
    fn of(samples: &[SampleSummary], most: u32) -> Self {
        let mut arm = Self::default();
        // The oldest ones: what came on top was nobody's question.
        for sample in samples.iter().rev().take(most as usize) {
            arm.sampled += 1;
            match (sample.open, sample.pass) {
                (true, _) => {}
                (false, Some(true)) => arm.passed += 1,
                (false, Some(false)) => arm.failed += 1,
                (false, None) => arm.unscored += 1,
            }
        }
        arm
    }

    const fn concluded(&self) -> u64 {
        self.passed + self.failed + self.unscored
    }

    fn series(&self) -> Series {
        let mut series = Series::default();
        (series.scores.passed, series.scores.failed) = (self.passed, self.failed);
        series
    }
}

pub(crate) fn run(
    client: &AdminClient,
    args: &NowArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let workload: WorkloadDetail = typed(&client.get(&workload_path(&args.workload, ""))?)?;
    let releases: Vec<&str> =
        std::iter::once(workload.stable.as_str()).chain(workload.candidate.as_deref()).collect();
    let names: &[&str] = &["stable", "candidate"][..releases.len()];
    // The clocks of this machine and of the server may differ: what is there already does not count.
    let known = newest(client, &args.workload)?;
    let deadline = Instant::now() + args.timeout.0;
    let wanted_path = workload_path(&args.workload, "/sampling/wanted");
    let want = |stable, candidate| {
        let body = WantedSamples { stable, candidate };
        client.send(&Method::PUT, &wanted_path, &body, Conditions::default())
    };
    output::note(&format!(
        "waiting for {} scored answers of {}, up to {}s",
        args.count,
        names.join(" and of "),
        args.timeout.0.as_secs()
    ));
    let progress = Progress::bar(u64::from(args.count) * names.len() as u64, "scored");
    let arms = loop {
        let mut arms = [Arm::default(), Arm::default()];
        let mut missing = [0, 0];
        let parts = names.iter().zip(&releases);
        for ((arm, missing), part) in arms.iter_mut().zip(&mut missing).zip(parts) {
            *arm = Arm::of(&since(client, &args.workload, part, known.as_ref())?, args.count);
            *missing = args.count - arm.sampled;
        }
        progress.at(arms.iter().map(Arm::concluded).sum());
        let enough = |arm: &Arm| arm.concluded() >= u64::from(args.count);
        if arms.iter().zip(names).all(|(arm, _)| enough(arm)) || Instant::now() >= deadline {
            break arms;
        }
        // Answers that failed used up what was wanted, and a restart forgets it: ask for the rest.
        if missing != [0, 0] {
            want(missing[0], missing[1])?;
        }
        std::thread::sleep(LOOK_EVERY);
    };
    drop(progress);
    want(0, 0)?;
    conclude(args, &arms, names, format)
}

/// The newest sample that is there before anything is asked for.
fn newest(client: &AdminClient, workload: &str) -> Result<Option<SampleSummary>, Failure> {
    let path = format!("/v1/samples?limit=1&workload={}", segment(workload));
    let samples: Samples = typed(&client.get(&path)?)?;
    Ok(samples.samples.into_iter().next())
}

/// Samples of an arm's release that came after `known`, newest first: answers that a client got. A
/// shadow's answers and those of another release under the same arm are not meant.
fn since(
    client: &AdminClient,
    workload: &str,
    (arm, release): (&&str, &&str),
    known: Option<&SampleSummary>,
) -> Result<Vec<SampleSummary>, Failure> {
    let from = known.map_or(0, |sample| sample.at_ms);
    let path = format!(
        "/v1/samples?limit={MOST}&workload={}&arm={arm}&release={}&reason=random,targeted&since_ms={from}",
        segment(workload),
        segment(release)
    );
    let samples: Samples = typed(&client.get(&path)?)?;
    let known = known.map(|sample| sample.id.as_str());
    Ok(samples.samples.into_iter().filter(|sample| Some(sample.id.as_str()) != known).collect())
}

fn conclude(
    args: &NowArgs,
    arms: &[Arm; 2],
    names: &[&str],
    format: Format,
) -> Result<ExitCode, Failure> {
    let [stable, candidate] = arms;
    let figure = figures(&candidate.series(), &stable.series()).into_iter().next();
    let figure = figure.ok_or_else(|| Failure::Local("accuracy has no figure".to_owned()))?;
    // Bounds of candidate minus stable: all of it beyond the margin, or not shown.
    let worse = figure.difference.is_some_and(|(_, high)| high < -args.margin / 100.0);
    let enough = arms.iter().zip(names).all(|(arm, _)| arm.concluded() >= u64::from(args.count));
    let unit = |arm: &Arm| {
        json!({ "sampled": arm.sampled, "passed": arm.passed,
        "failed": arm.failed, "unscored": arm.unscored })
    };
    let bounds = |estimate: Option<Estimate>| {
        estimate.map(|it| json!({ "value": it.value, "low": it.low, "high": it.high }))
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let answer = json!({
        "workload": args.workload, "at_ms": now, "count": args.count, "complete": enough,
        "stable": unit(stable), "candidate": unit(candidate),
        "accuracy": { "stable": bounds(figure.stable), "candidate": bounds(figure.candidate),
                      "difference": figure.difference.map(|(low, high)| [low, high]) },
        "margin": args.margin / 100.0, "worse_beyond_margin": worse,
        "verdict": figure.compared.label(),
    });
    output::show(format, &answer, || text(args, arms, names, &figure, worse, enough));
    Ok(if worse || !enough { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(
    args: &NowArgs,
    arms: &[Arm; 2],
    names: &[&str],
    figure: &ComparedFigure,
    worse: bool,
    enough: bool,
) -> String {
    let mut table =
        Table::new(["arm", "sampled", "passed", "failed", "unscored", "accuracy (95%)"]);
    let shown = |estimate: Option<Estimate>| match estimate {
        Some(Estimate { value, low: Some(low), high: Some(high), .. }) => {
            format!("{:.1}% [{:.1}%, {:.1}%]", value * 100.0, low * 100.0, high * 100.0)
        }
        _ => "no data".to_owned(),
    };
    for (n, (arm, name)) in arms.iter().zip(names).enumerate() {
        let estimate = if n == 0 { figure.stable } else { figure.candidate };
        table.row(vec![
            (*name).to_owned(),
            arm.sampled.to_string(),
            arm.passed.to_string(),
            arm.failed.to_string(),
            arm.unscored.to_string(),
            shown(estimate),
        ]);
    }
    let mut text = table.or("nothing");
    let margin = args.margin;
    text.push_str(&match (figure.difference, figure.compared) {
        (Some((low, high)), _) if worse => format!(
            "WORSE: candidate minus stable is {:+.1} to {:+.1} points (99%), beyond the margin of {margin} points\n",
            low * 100.0,
            high * 100.0
        ),
        (Some((low, high)), compared) => format!(
            "not shown to be worse by more than {margin} points: candidate minus stable is {:+.1} to {:+.1} points (99%){}\n",
            low * 100.0,
            high * 100.0,
            if compared == Compared::Worse { "; it is worse" } else { "" }
        ),
        (None, _) => "an arm has no scored answer: nothing can be said of the difference\n".to_owned(),
    });
    if !enough {
        text.push_str(&format!(
            "time is up before {} answers of each arm were scored: look at `stagegate status` and at the scorers\n",
            args.count
        ));
    }
    text.push_str("these samples are `targeted`: no gate counts them\n");
    text
}

#[cfg(test)]
mod tests {
    use super::{Arm, NowArgs, conclude};
    use crate::output::Format;
    use clap::Parser;
    use std::process::ExitCode;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: NowArgs,
    }

    #[test]
    fn only_what_is_shown_to_be_worse_fails() {
        let line = Line::try_parse_from(["now", "agent"]).expect("right");
        let arm = |passed, failed| Arm { sampled: 100, passed, failed, unscored: 0 };
        let both = ["stable", "candidate"];
        let code = |stable, candidate| {
            let code = conclude(&line.args, &[stable, candidate], &both, Format::Json);
            format!("{:?}", code.expect("concluded"))
        };
        let (good, bad) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(code(arm(95, 5), arm(93, 7)), good, "chance explains that");
        assert_eq!(code(arm(95, 5), arm(60, 40)), bad);
        assert_eq!(code(arm(60, 40), arm(95, 5)), good, "better is not worse");
        assert_eq!(code(arm(95, 5), arm(50, 0)), bad, "half of it never came");
        assert!(Line::try_parse_from(["now", "agent", "--count", "1001"]).is_err());
    }
}
