//! Figures of both arms over a span of time, axis by axis, each with its interval. They are for
//! people who look back: no gate decides by them.

use super::counts::{NANOS, blamable};
use super::measurement::Estimate;
use crate::policy::{Axis, Quantile};
use crate::{Histogram, Outcome, Series};
use stagegate_sequential::promotion::Moments;
use stagegate_sequential::{Alpha, Tally, interval};

/// Standard errors on each side of a 95% interval.
const Z_95: f64 = 1.96;
/// Values of an arm that its bounds are narrowest at, where there are fewer.
const BEST_AT: f64 = 1000.0;
/// Costs of an arm below which its mean says nothing.
const LEAST_COSTS: u64 = 100;
/// Stages that are shown.
const STAGES: usize = 10;

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureUnit {
    /// A share from 0 to 1.
    Share,
    /// Microseconds.
    Micros,
    /// Dollars.
    Usd,
}

/// The comparison of the candidate with stable in a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It is worse, beyond what chance explains (99%).
    Worse,
    /// It is better, beyond what chance explains.
    Better,
    /// Chance explains what there is between them.
    Alike,
    /// One of the arms has not enough values to say anything.
    NoData,
}

impl Compared {
    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Alike => "no_difference_shown",
            Self::NoData => "no_data",
        }
    }
}

/// One figure of both arms.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedFigure {
    /// Its axis.
    pub axis: Axis,
    /// The name, for people: `accuracy`, `p99 of the whole answer`.
    pub name: String,
    /// The unit of the values.
    pub unit: FigureUnit,
    /// The candidate, with bounds that hold with 95%; none without enough values.
    pub candidate: Option<Estimate>,
    /// Stable over the same time.
    pub stable: Option<Estimate>,
    /// Bounds of the difference (shares) or of the ratio (dollars) of candidate to stable, 99%.
    pub difference: Option<(f64, f64)>,
    /// The result.
    pub compared: Compared,
    /// The number of values an arm needs before anything is said.
    pub least: u64,
}

/// The figures of all axes, in the order of tables. An arm without traffic gives figures without
/// values, so that nothing is left out in silence.
#[must_use]
pub fn figures(candidate: &Series, stable: &Series) -> Vec<ComparedFigure> {
    let mut figures = Vec::new();
    let share = |axis, name: &str, good_is_high, of: &dyn Fn(&Series) -> (u64, u64)| {
        shares(axis, name, good_is_high, of(candidate), of(stable))
    };
    figures.push(share(Axis::Eval, "accuracy", true, &|it| {
        (it.scores.failed, it.scores.passed + it.scores.failed)
    }));
    figures.push(share(Axis::Eval, "labelled accuracy", true, &|it| {
        let scores = &it.scores;
        (scores.labelled_failed, scores.labelled_passed + scores.labelled_failed)
    }));
    for quantile in [Quantile::P50, Quantile::P95, Quantile::P99] {
        let name = format!("{} of the whole answer", quantile.label());
        figures.push(times(name, quantile, &candidate.duration_us, &stable.duration_us));
    }
    for quantile in [Quantile::P50, Quantile::P95] {
        let name = format!("{} to the first byte", quantile.label());
        figures.push(times(name, quantile, &candidate.first_byte_us, &stable.first_byte_us));
    }
    let nothing = Histogram::default();
    for (stage, its) in candidate.stages.iter().take(STAGES) {
        let other = stable.stages.get(stage).unwrap_or(&nothing);
        figures.push(times(format!("p95 of stage {stage}"), Quantile::P95, its, other));
    }
    figures.push(dollars(&candidate.cost_nanos, &stable.cost_nanos));
    for (name, outcome) in [
        ("permanent failures", Outcome::Permanent),
        ("transient failures", Outcome::Transient),
        ("external failures", Outcome::External),
    ] {
        let of = |it: &Series| (it.outcomes[outcome.index()], blamable(it));
        figures.push(share(Axis::Error, name, false, &of));
    }
    figures.push(share(Axis::Error, "rejected requests", false, &|it| (it.rejected, blamable(it))));
    figures
}

/// A share; `bad` values among all of each arm. It is shown as the share of good ones where more is
/// better.
fn shares(
    axis: Axis,
    name: &str,
    good_is_high: bool,
    candidate: (u64, u64),
    stable: (u64, u64),
) -> ComparedFigure {
    let tally = |(bad, all): (u64, u64)| Tally::of(bad.min(all), all).ok().filter(|_| all > 0);
    let shown = |tally: Option<Tally>, all: u64| {
        let tally = tally?;
        let bad = interval::at_all_times(tally, Alpha::PROMOTION, BEST_AT.max(all as f64)).ok()?;
        let share = tally.share()?;
        let (value, low, high) = match good_is_high {
            true => (1.0 - share, 1.0 - bad.high, 1.0 - bad.low),
            false => (share, bad.low, bad.high),
        };
        Some(Estimate { value, low: Some(low), high: Some(high), count: all })
    };
    let (c, s) = (tally(candidate), tally(stable));
    let worse_by = c.zip(s).map(|(c, s)| interval::difference(c, s, Alpha::ROLLBACK));
    let compared = match worse_by {
        None => Compared::NoData,
        Some(by) if by.low > 0.0 => Compared::Worse,
        Some(by) if by.high < 0.0 => Compared::Better,
        Some(_) => Compared::Alike,
    };
    let difference = worse_by.map(|by| match good_is_high {
        true => (-by.high, -by.low),
        false => (by.low, by.high),
    });
    ComparedFigure {
        axis,
        name: name.to_owned(),
        unit: FigureUnit::Share,
        candidate: shown(c, candidate.1),
        stable: shown(s, stable.1),
        difference,
        compared,
        least: 1,
    }
}

/// A quantile with the bounds of its order statistics. The arms differ where their bounds do not
/// touch, which is stricter than 95%.
fn times(
    name: String,
    quantile: Quantile,
    candidate: &Histogram,
    stable: &Histogram,
) -> ComparedFigure {
    let least = quantile.least_values();
    let shown = |times: &Histogram| {
        let n = times.count();
        if n < least {
            return None;
        }
        let (all, q) = (n as f64, quantile.rank());
        let spread = Z_95 * (q * (1.0 - q) / all).sqrt();
        let at = |rank: f64| times.quantile(rank.clamp(0.0, 1.0)).map(|us| us as f64);
        let (low, high) = (at(q - spread), at(q + spread + 1.0 / all));
        Some(Estimate { value: at(q)?, low, high, count: n })
    };
    let (c, s) = (shown(candidate), shown(stable));
    let compared = match (c, s) {
        (Some(c), Some(s)) if c.low > s.high => Compared::Worse,
        (Some(c), Some(s)) if c.high < s.low => Compared::Better,
        (Some(_), Some(_)) => Compared::Alike,
        _ => Compared::NoData,
    };
    let unit = FigureUnit::Micros;
    ComparedFigure {
        axis: Axis::Latency,
        name,
        unit,
        candidate: c,
        stable: s,
        difference: None,
        compared,
        least,
    }
}

/// Dollars of a request whose cost is known.
fn dollars(candidate: &Histogram, stable: &Histogram) -> ComparedFigure {
    let moments = |costs: &Histogram| {
        let dollars = costs.buckets().map(|(nanos, n)| (nanos as f64 / NANOS, n));
        Moments::of(dollars).ok().filter(|_| costs.count() >= LEAST_COSTS)
    };
    let shown = |moments: Option<Moments>, count: u64| {
        let moments = moments?;
        let (value, error) = (moments.mean()?, moments.standard_error()?);
        let (low, high) = ((value - Z_95 * error).max(0.0), value + Z_95 * error);
        Some(Estimate { value, low: Some(low), high: Some(high), count })
    };
    let (c, s) = (moments(candidate), moments(stable));
    let ratio = c.zip(s).and_then(|(c, s)| interval::mean_ratio(c, s, Alpha::ROLLBACK));
    let compared = match (c.zip(s), ratio) {
        (None, _) => Compared::NoData,
        (Some(_), Some(ratio)) if ratio.low > 1.0 => Compared::Worse,
        (Some(_), Some(ratio)) if ratio.high < 1.0 => Compared::Better,
        (Some(_), _) => Compared::Alike,
    };
    ComparedFigure {
        axis: Axis::Cost,
        name: "cost of a request".to_owned(),
        unit: FigureUnit::Usd,
        candidate: shown(c, candidate.count()),
        stable: shown(s, stable.count()),
        difference: ratio.map(|ratio| (ratio.low, ratio.high)),
        compared,
        least: LEAST_COSTS,
    }
}

#[cfg(test)]
mod tests {
    use super::{Compared, figures};
    use crate::{Outcome, Series};

    fn arm(requests: u64, failed: u64, us: u64, nanos: u64) -> Series {
        let mut series = Series::default();
        series.outcomes[Outcome::Ok.index()] = requests - failed;
        series.outcomes[Outcome::Permanent.index()] = failed;
        for n in 0..requests {
            series.duration_us.record(us + n % 97);
            series.cost_nanos.record(nanos + n % 89);
        }
        series.scores.passed = requests / 2;
        series
    }

    fn of<'a>(figures: &'a [super::ComparedFigure], name: &str) -> &'a super::ComparedFigure {
        figures.iter().find(|it| it.name.starts_with(name)).expect("a figure")
    }

    #[test]
    fn what_is_worse_is_told_from_what_chance_explains() {
        let (stable, bad) = (arm(5000, 5, 1000, 1_000_000), arm(2000, 100, 2000, 1_500_000));
        let figures = super::figures(&bad, &stable);
        for name in ["permanent", "p99 of the whole", "cost"] {
            assert_eq!(of(&figures, name).compared, Compared::Worse, "{name}");
        }
        assert_eq!(of(&figures, "accuracy").compared, Compared::Alike);
        let failures = of(&figures, "permanent");
        let (low, high) = failures.difference.expect("both arms have traffic");
        assert!(low < 0.049 && 0.049 < high, "{low} {high}");
        let better = super::figures(&stable, &bad);
        assert_eq!(of(&better, "permanent").compared, Compared::Better);
    }

    #[test]
    fn too_little_is_no_estimate() {
        let (stable, little) = (arm(5000, 5, 1000, 1_000_000), arm(50, 0, 1000, 1_000_000));
        let figures = figures(&little, &stable);
        for name in ["p95 of the whole", "p99 of the whole", "cost", "labelled"] {
            let figure = of(&figures, name);
            assert_eq!((figure.candidate, figure.compared), (None, Compared::NoData), "{name}");
        }
        assert!(of(&figures, "p50 of the whole").candidate.is_some());
        let none = super::figures(&Series::default(), &Series::default());
        assert!(none.iter().all(|it| it.compared == Compared::NoData && it.candidate.is_none()));
    }
}
