//! Both arms of a gate as a small picture: an interval for each arm, and the limit.

use maud::{Markup, html};
use stagegate_api::{Estimated, GateReading};

const WIDTH: f64 = 240.0;

/// The picture; nothing where no arm has an interval. The figures stand beside it as text, so a
/// screen reader skips it.
#[must_use]
pub fn gate(gate: &GateReading) -> Markup {
    let arms = [("stable", gate.stable, 12.0), ("candidate", gate.candidate, 30.0)];
    let drawn: Vec<_> =
        arms.into_iter().filter_map(|(arm, it, y)| Some((arm, it?, bounds(&it?)?, y))).collect();
    let Some(scale) =
        Scale::of(drawn.iter().map(|(_, it, bounds, _)| (*bounds, it.value)), gate.limit)
    else {
        return html! {};
    };
    html! {
        svg.interval viewBox="0 0 240 42" aria-hidden="true" {
            @if let Some(limit) = gate.limit {
                line.limit x1=(scale.x(limit)) x2=(scale.x(limit)) y1="2" y2="40" {}
            }
            @for (arm, estimate, (low, high), y) in &drawn {
                line class={ (arm) " band" } x1=(scale.x(*low)) x2=(scale.x(*high)) y1=(y) y2=(y) {}
                circle class=(arm) cx=(scale.x(estimate.value)) cy=(y) r="4" {}
            }
        }
    }
}

fn bounds(estimate: &Estimated) -> Option<(f64, f64)> {
    Some((estimate.low?, estimate.high?))
}

/// From values to places.
pub(crate) struct Scale {
    low: f64,
    span: f64,
}

impl Scale {
    pub(crate) fn of(
        drawn: impl Iterator<Item = ((f64, f64), f64)>,
        limit: Option<f64>,
    ) -> Option<Self> {
        let mut values: Vec<f64> =
            drawn.flat_map(|((low, high), value)| [low, high, value]).collect();
        if values.is_empty() {
            return None;
        }
        values.extend(limit);
        values.retain(|it| it.is_finite());
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        Some(Self { low, span: if high > low { high - low } else { 1.0 } })
    }

    /// The place of a value, with a margin at both sides.
    pub(crate) fn x(&self, value: f64) -> String {
        let share = ((value - self.low) / self.span).clamp(0.0, 1.0);
        format!("{:.1}", 6.0 + share * (WIDTH - 12.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn the_lowest_value_is_left_and_the_highest_is_right() {
        let scale = Scale::of([((0.1, 0.3), 0.2)].into_iter(), Some(0.5)).expect("values");
        assert_eq!((scale.x(0.1).as_str(), scale.x(0.5).as_str()), ("6.0", "234.0"));
        assert_eq!(scale.x(f64::INFINITY), "234.0");
        assert!(Scale::of(std::iter::empty(), Some(1.0)).is_none());
    }

    #[test]
    fn one_value_alone_has_a_place() {
        let scale = Scale::of([((0.2, 0.2), 0.2)].into_iter(), None).expect("values");
        assert_eq!(scale.x(0.2), "6.0");
    }
}
