//! Pictures of a report: weight and turns, every figure over time, and arm against arm.

use stagegate_api::{DeployReport, FigureReport, TimePoint, TransitionKind};
use stagegate_pictures::{At, Chart, Event, Weighed, arms, draw, weight};

/// The figures over time as markup; empty where nothing was recorded.
pub(super) fn over_time(report: &DeployReport, points: &[TimePoint]) -> String {
    let span = (report.from_ms, report.until_ms);
    let events: Vec<Event> = report.history.iter().map(event).collect();
    let weights: Vec<Weighed> = points
        .iter()
        .map(|it| Weighed { at_ms: it.at_ms, ratio: it.weight_ratio, words: it.weight.clone() })
        .collect();
    let mut markup = weight(span, &weights, &events).into_string();
    for figure in report.axes.iter().flat_map(|axis| &axis.figures) {
        let points: Vec<At> = points.iter().map(|it| at(it, &figure.figure)).collect();
        let chart = Chart {
            name: &figure.figure,
            unit: figure.unit,
            since_ms: span.0,
            until_ms: span.1,
            points: &points,
            events: &events,
        };
        markup.push_str(&draw(&chart).into_string());
    }
    markup
}

/// Both arms of a figure beside each other.
pub(super) fn beside(figure: &FigureReport) -> String {
    arms(figure.candidate.as_ref(), figure.stable.as_ref()).into_string()
}

fn at(point: &TimePoint, name: &str) -> At {
    let figure = point.figures.iter().find(|it| it.figure == name);
    At {
        at_ms: point.at_ms,
        candidate: figure.and_then(|it| it.candidate),
        stable: figure.and_then(|it| it.stable),
    }
}

fn event(turn: &stagegate_api::TransitionDetail) -> Event {
    Event {
        at_ms: turn.mark.at_ms,
        words: format!("{} at {} by {}", turn.turn.replace('_', " "), turn.weight, turn.mark.by),
        is_bad: matches!(turn.turn, TransitionKind::RolledBack | TransitionKind::Aborted),
    }
}
