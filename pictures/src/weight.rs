//! The candidate's weight over time, with the steps and ends of rollouts.

use crate::chart::{Event, HEIGHT, Places, WIDTH, base};
use maud::{Markup, html};
use stagegate_timing::moment;

/// The weight at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// From 0 to 1.
    pub ratio: f64,
    /// The same for people: `10%`.
    pub words: String,
}

/// The picture with its table; nothing without a value. `span` is its beginning and end.
#[must_use]
pub fn weight((since_ms, until_ms): (u64, u64), values: &[Weighed], events: &[Event]) -> Markup {
    if values.is_empty() {
        return html! {};
    }
    let places = Places::new(since_ms, until_ms, 0.0, 1.0);
    let mut line = Vec::new();
    for (at, it) in values.iter().enumerate() {
        // The weight moves in steps, not along a slope.
        if let Some(before) = at.checked_sub(1).map(|before| &values[before]) {
            line.push(format!("{},{}", places.x(it.at_ms), places.y(before.ratio)));
        }
        line.push(format!("{},{}", places.x(it.at_ms), places.y(it.ratio)));
    }
    html! {
        figure.chart {
            figcaption { strong { "Weight of the candidate" } ", with every turn of the rollout" }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label="Weight of the candidate over time" {
                (base((since_ms, until_ms), "100%", "0%", events, &places))
                polyline class="candidate curve" points=(line.join(" ")) {}
            }
            details {
                summary.link { "As a table" }
                div.scroll tabindex="0" {
                    table {
                        caption { "Turns and weights" }
                        thead { tr { th scope="col" { "At" } th scope="col" { "What" } } }
                        tbody {
                            @for event in events { tr { th.nowrap scope="row" { (moment(event.at_ms)) } td { (event.words) } } }
                            @for it in values { tr { th.nowrap scope="row" { (moment(it.at_ms)) } td { (it.words) } } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Weighed, weight};

    #[test]
    fn the_weight_goes_up_in_steps() {
        let at = |at_ms, ratio, words: &str| Weighed { at_ms, ratio, words: words.into() };
        let text = weight((0, 1000), &[at(0, 0.0, "0%"), at(1000, 1.0, "100%")], &[]).into_string();
        assert!(text.contains("points=\"0.0,160.0 640.0,160.0 640.0,0.0\""), "{text}");
        assert_eq!(weight((0, 1), &[], &[]).into_string(), "");
    }
}
