//! Both arms of a figure beside each other: an interval for each.

use crate::gate::Scale;
use maud::{Markup, html};
use stagegate_api::FigureOfArm;

/// The picture; nothing where no arm has a value. The figures stand beside it as text, so a screen reader
/// skips it. Stable is above, the candidate below.
#[must_use]
pub fn arms(candidate: Option<&FigureOfArm>, stable: Option<&FigureOfArm>) -> Markup {
    let arms = [("stable", stable, 12.0), ("candidate", candidate, 30.0)];
    let drawn: Vec<_> = arms.into_iter().filter_map(|(arm, it, y)| Some((arm, *it?, y))).collect();
    let Some(scale) = Scale::of(drawn.iter().map(|(_, it, _)| ((it.low, it.high), it.value)), None)
    else {
        return html! {};
    };
    html! {
        svg.interval viewBox="0 0 240 42" aria-hidden="true" {
            @for (arm, it, y) in &drawn {
                line class={ (arm) " band" } x1=(scale.x(it.low)) x2=(scale.x(it.high)) y1=(y) y2=(y) {}
                circle class=(arm) cx=(scale.x(it.value)) cy=(y) r="4" {}
            }
        }
    }
}

/// Counts of both arms as two bars of at most `most`. The counts stand beside it as text, so a screen reader skips
/// it. Stable is above, the candidate below.
#[must_use]
pub fn bars(candidate: u64, stable: u64, most: u64) -> Markup {
    let width = |count: u64| format!("{:.1}", count as f64 / most.max(1) as f64 * 228.0);
    html! {
        svg.interval viewBox="0 0 240 42" aria-hidden="true" {
            @for (arm, count, y) in [("stable", stable, 6.0), ("candidate", candidate, 24.0)] {
                rect class={ (arm) " bar" } x="6" y=(y) width=(width(count)) height="12" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{arms, bars};
    use stagegate_api::FigureOfArm;

    #[test]
    fn both_arms_have_one_scale() {
        let arm = |low, value, high| FigureOfArm { value, low, high, count: 9 };
        let (stable, candidate) = (arm(0.0, 0.1, 0.2), arm(0.8, 0.9, 1.0));
        let text = arms(Some(&candidate), Some(&stable)).into_string();
        assert!(text.contains("class=\"stable band\" x1=\"6.0\""), "{text}");
        assert!(text.contains("x2=\"234.0\""), "{text}");
        assert_eq!(arms(None, None).into_string(), "");
        let text = bars(5, 10, 10).into_string();
        assert!(text.contains("width=\"228.0\"") && text.contains("width=\"114.0\""), "{text}");
    }
}
