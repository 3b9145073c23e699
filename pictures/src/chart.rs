//! A figure of both arms over time, as a picture and as a table.

use maud::{Markup, html};
use stagegate_api::words::{figure, grouped};
use stagegate_api::{FigureOfArm, Unit};
use stagegate_timing::moment;

pub(crate) const WIDTH: f64 = 640.0;
pub(crate) const HEIGHT: f64 = 180.0;
/// Room below the curves.
const FOOT: f64 = 20.0;

/// A figure at a time.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The candidate's figure.
    pub candidate: Option<FigureOfArm>,
    /// Stable's.
    pub stable: Option<FigureOfArm>,
}

/// A mark on the time axis: a step, a rollback.
#[derive(Clone, Debug)]
pub struct Event {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    pub words: String,
    /// True if the candidate was taken out.
    pub is_bad: bool,
}

/// What is drawn.
#[derive(Debug)]
pub struct Chart<'a> {
    /// The figure's name.
    pub name: &'a str,
    /// Its unit.
    pub unit: Unit,
    /// The beginning of the time axis, in Unix milliseconds.
    pub since_ms: u64,
    /// Its end.
    pub until_ms: u64,
    /// The values, oldest first.
    pub points: &'a [At],
    /// The marks.
    pub events: &'a [Event],
}

/// The picture with its table behind it; nothing where there is no value at all.
#[must_use]
pub fn draw(chart: &Chart<'_>) -> Markup {
    let Some(scale) = of_values(chart) else { return html! {} };
    let span = (chart.since_ms, chart.until_ms);
    let [high, low] = [scale.high, scale.low].map(|it| figure(chart.unit, it));
    html! {
        figure.chart {
            figcaption {
                strong { (chart.name) } ": " span.stable { "stable" } " (solid) and " span.candidate { "candidate" }
                " (dashed), with 95% intervals"
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (chart.name) " over time" } {
                (base(span, &high, &low, chart.events, &scale))
                (arm(&scale, "stable", chart.points, |it| it.stable))
                (arm(&scale, "candidate", chart.points, |it| it.candidate))
            }
            (table(chart))
        }
    }
}

/// The axis with its ends and marks.
pub(crate) fn base(
    (since_ms, until_ms): (u64, u64),
    high: &str,
    low: &str,
    events: &[Event],
    places: &Places,
) -> Markup {
    html! {
        line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - FOOT) y2=(HEIGHT - FOOT) {}
        text.tick x="2" y="12" { (high) }
        text.tick x="2" y=(HEIGHT - FOOT - 4.0) { (low) }
        text.tick x="2" y=(HEIGHT - 4.0) { (moment(since_ms)) }
        text.tick.end x=(WIDTH - 2.0) y=(HEIGHT - 4.0) { (moment(until_ms)) }
        @for event in events {
            @let x = places.x(event.at_ms);
            line class=(if event.is_bad { "event bad" } else { "event" }) x1=(x) x2=(x) y1="0" y2=(HEIGHT - FOOT) {
                title { (moment(event.at_ms)) " " (event.words) }
            }
        }
    }
}

/// The values of an arm: the interval as an area, the value as a line.
fn arm(scale: &Places, class: &str, points: &[At], of: fn(&At) -> Option<FigureOfArm>) -> Markup {
    let known: Vec<(u64, FigureOfArm)> =
        points.iter().filter_map(|it| Some((it.at_ms, of(it)?))).collect();
    let place = |at_ms: u64, value: f64| format!("{},{}", scale.x(at_ms), scale.y(value));
    let upper = known.iter().map(|(at, it)| place(*at, it.high));
    let lower = known.iter().rev().map(|(at, it)| place(*at, it.low));
    let band: Vec<String> = upper.chain(lower).collect();
    let line: Vec<String> = known.iter().map(|(at, it)| place(*at, it.value)).collect();
    html! {
        polygon class={ (class) " area" } points=(band.join(" ")) {}
        polyline class={ (class) " curve" } points=(line.join(" ")) {}
        @if let [(at, only)] = known.as_slice() {
            circle class=(class) cx=(scale.x(*at)) cy=(scale.y(only.value)) r="3" {}
        }
    }
}

fn table(chart: &Chart<'_>) -> Markup {
    let shown = |it: Option<FigureOfArm>| {
        it.map_or_else(
            || "–".to_owned(),
            |it| {
                let [value, low, high] =
                    [it.value, it.low, it.high].map(|it| figure(chart.unit, it));
                format!("{value} ({low} to {high}), n {}", grouped(it.count))
            },
        )
    };
    html! {
        details {
            summary.link { "As a table" }
            div.scroll tabindex="0" {
                table {
                    caption { (chart.name) }
                    thead { tr { th scope="col" { "Until" } th scope="col" { "Stable" } th scope="col" { "Candidate" } } }
                    tbody { @for point in chart.points {
                        tr {
                            th.nowrap scope="row" { (moment(point.at_ms)) }
                            td { (shown(point.stable)) }
                            td { (shown(point.candidate)) }
                        }
                    } }
                }
            }
        }
    }
}

/// From times and values to places.
pub(crate) struct Places {
    since_ms: u64,
    span_ms: f64,
    low: f64,
    high: f64,
}

/// The scale of all values of a chart.
fn of_values(chart: &Chart<'_>) -> Option<Places> {
    let all = chart.points.iter().flat_map(|it| [it.candidate, it.stable]).flatten();
    let values: Vec<f64> =
        all.flat_map(|it| [it.low, it.value, it.high]).filter(|it| it.is_finite()).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    let high = if high > low { high } else { low + 1.0 };
    Some(Places::new(chart.since_ms, chart.until_ms, low, high))
}

impl Places {
    pub(crate) fn new(since_ms: u64, until_ms: u64, low: f64, high: f64) -> Self {
        let span_ms = until_ms.saturating_sub(since_ms).max(1) as f64;
        Self { since_ms, span_ms, low, high }
    }

    pub(crate) fn x(&self, at_ms: u64) -> String {
        let share = at_ms.saturating_sub(self.since_ms) as f64 / self.span_ms;
        format!("{:.1}", share.clamp(0.0, 1.0) * WIDTH)
    }

    pub(crate) fn y(&self, value: f64) -> String {
        let share = (value - self.low) / (self.high - self.low);
        format!("{:.1}", (HEIGHT - FOOT) * (1.0 - share.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Chart, draw};
    use stagegate_api::{FigureOfArm, Unit};

    fn chart(points: &[At]) -> String {
        let chart = Chart {
            name: "accuracy",
            unit: Unit::Share,
            since_ms: 0,
            until_ms: 1000,
            points,
            events: &[],
        };
        draw(&chart).into_string()
    }

    #[test]
    fn without_any_value_nothing_is_drawn() {
        assert_eq!(chart(&[]), "");
        assert_eq!(chart(&[At { at_ms: 5, candidate: None, stable: None }]), "");
    }

    #[test]
    fn the_highest_value_is_on_top_and_the_last_one_at_the_right() {
        let arm = |value| Some(FigureOfArm { value, low: 0.0, high: 1.0, count: 9 });
        let text = chart(&[
            At { at_ms: 0, candidate: None, stable: arm(0.0) },
            At { at_ms: 1000, candidate: None, stable: arm(1.0) },
        ]);
        assert!(text.contains("points=\"0.0,160.0 640.0,0.0\""), "{text}");
        assert!(text.contains("100.0% (0% to 100.0%), n 9"), "{text}");
    }
}
