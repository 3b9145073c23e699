//! Formats numbers and times of a report.

pub(super) use stagegate_api::words::grouped;
use stagegate_api::{AnalysisDetail, FigureOfArm, FigureReport};

/// A span in its two largest units: `3d 2h`, `58m 10s`.
pub(super) fn span(ms: u64) -> String {
    let s = ms / 1000;
    let units = [(s / 86_400, "d"), (s / 3600 % 24, "h"), (s / 60 % 60, "m"), (s % 60, "s")];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let parts = units[first..].iter().take(2).filter(|(count, _)| *count > 0 || first == 3);
    let parts: Vec<String> = parts.map(|(count, unit)| format!("{count}{unit}")).collect();
    parts.join(" ")
}

/// What explains most of the difference between the arms, gate by gate.
pub(super) fn blamed(analysis: &AnalysisDetail) -> Vec<String> {
    let each = analysis.gates.iter().flat_map(|gate| gate.blame.iter().map(move |it| (gate, it)));
    each.map(|(gate, blame)| {
        let [share, low, high] = [blame.share, blame.low, blame.high].map(|it| it * 100.0);
        let (gate, what) = (&gate.gate, &blame.what);
        format!("{gate}: {what} explains {share:.0}% [{low:.0}%, {high:.0}%] of the difference")
    })
    .collect()
}

/// `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn share(value: f64) -> String {
    format!("{:.2}%", value * 100.0)
}

fn one(unit: &str, value: f64) -> String {
    match unit {
        "share" => share(value),
        "us" if value < 1e6 => format!("{:.1} ms", value / 1e3),
        "us" => format!("{:.2} s", value / 1e6),
        _ => format!("${value:.6}"),
    }
}

/// An arm's figure with its interval; what is missing where it has none.
pub(super) fn arm(figure: &FigureReport, arm: Option<&FigureOfArm>) -> String {
    match arm {
        Some(FigureOfArm { value, low, high, .. }) => {
            let unit = figure.unit.as_str();
            format!("{} [{}, {}]", one(unit, *value), one(unit, *low), one(unit, *high))
        }
        None if figure.least > 1 => format!("no data (needs {} values)", grouped(figure.least)),
        None => "no data".to_owned(),
    }
}

/// Formats the number of values behind an arm's figure.
pub(super) fn count(arm: Option<&FigureOfArm>) -> String {
    arm.map_or_else(|| "–".to_owned(), |arm| grouped(arm.count))
}

/// Between candidate and stable.
pub(super) fn difference(figure: &FigureReport) -> String {
    match figure.difference {
        Some([low, high]) if figure.unit == "share" => {
            format!("{:+.2} to {:+.2} points", low * 100.0, high * 100.0)
        }
        Some([low, high]) => format!("{low:.2} to {high:.2} times"),
        None => "–".to_owned(),
    }
}

/// A verdict for people.
pub(super) fn verdict(label: &str) -> &str {
    match label {
        "no_difference_shown" => "no difference shown",
        "no_data" => "no data",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{listed, span};

    #[test]
    fn spans_have_two_units_at_most() {
        assert_eq!(span(0), "0s");
        assert_eq!(span(58_000), "58s");
        assert_eq!(span(120_000), "2m");
        assert_eq!(span(3_600_000), "1h");
        assert_eq!(span(3_661_000), "1h 1m");
        assert_eq!(span(266_400_000), "3d 2h");
        assert_eq!(listed(&["1%".into(), "10%".into(), "50%".into()]), "1%, 10% and 50%");
    }
}
