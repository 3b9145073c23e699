//! One tile for each axis: the candidate against stable, with interval, limit and count.

use maud::{Markup, html};
use stagegate_api::words::{bounds, figure, grouped};
use stagegate_api::{AnalysisDetail, Axis, Estimated, GateReading, GateStatus, Unit};

/// The tiles of an analysis.
pub(super) fn tiles(analysis: &AnalysisDetail) -> Markup {
    html! {
        div.tiles {
            @for axis in Axis::ALL {
                @let gates: Vec<_> = analysis.gates.iter().filter(|it| it.axis == *axis).collect();
                // Few policies ask others.
                @if *axis != Axis::External || !gates.is_empty() { (tile(*axis, &gates)) }
            }
        }
    }
}

fn tile(axis: Axis, gates: &[&GateReading]) -> Markup {
    let worst = gates.iter().map(|it| it.state).min_by_key(|state| urgency(*state));
    let class = worst.map_or("calm", tone);
    html! {
        section class={ "tile " (class) } aria-label=(name(axis)) {
            h3 { (name(axis)) ": " (worst.map_or("no gate", word)) }
            @for gate in gates {
                div.gate {
                    p { code { (gate.gate) } }
                    p class=(tone(gate.state)) { (gate.words) }
                    @if let Some(worst) = gate.slices.first() {
                        p.dim {
                            "Looks worst for " (worst.slice) ": " (grouped(worst.candidate_failed)) " of "
                            (grouped(worst.candidate_units)) " failed, stable's " (grouped(worst.stable_failed))
                            " of " (grouped(worst.stable_units))
                        }
                    }
                    @for blame in &gate.blame {
                        p.dim {
                            (blame.what) " explains " (format!("{:.0}%", blame.share * 100.0)) " ["
                            (format!("{:.0}%", blame.low * 100.0)) ", " (format!("{:.0}%", blame.high * 100.0))
                            "] of the difference"
                        }
                    }
                    @if let Some(note) = &gate.note { p.dim { (note) } }
                    (stagegate_pictures::gate(gate))
                    dl {
                        @for (arm, estimate) in [("candidate", &gate.candidate), ("stable", &gate.stable)] {
                            @if let Some(it) = estimate {
                                dt class=(arm) { (arm) }
                                dd { (estimated(gate.unit, it)) }
                            }
                        }
                        @if let Some(limit) = gate.limit {
                            dt { "limit" }
                            dd { (figure(gate.unit, limit)) }
                        }
                    }
                }
            }
        }
    }
}

/// Violations first.
const fn urgency(state: GateStatus) -> u8 {
    match state {
        GateStatus::Violated => 0,
        GateStatus::Error => 1,
        GateStatus::NoData => 2,
        GateStatus::Inconclusive => 3,
        GateStatus::Ok => 4,
    }
}

const fn tone(state: GateStatus) -> &'static str {
    match state {
        GateStatus::Violated => "bad",
        GateStatus::Error => "warn",
        GateStatus::NoData | GateStatus::Inconclusive => "calm",
        GateStatus::Ok => "good",
    }
}

const fn word(state: GateStatus) -> &'static str {
    match state {
        GateStatus::Violated => "violated",
        GateStatus::Error => "not believed",
        GateStatus::NoData => "no data",
        GateStatus::Inconclusive => "needs more",
        GateStatus::Ok => "holds",
    }
}

const fn name(axis: Axis) -> &'static str {
    match axis {
        Axis::Eval => "Eval",
        Axis::Latency => "Latency",
        Axis::Cost => "Cost",
        Axis::Error => "Errors",
        Axis::External => "External",
    }
}

fn estimated(unit: Unit, it: &Estimated) -> String {
    let (value, count) = (figure(unit, it.value), grouped(it.count));
    match bounds(unit, it) {
        Some([low, high]) => format!("{value} ({low} to {high}), n {count}"),
        None => format!("{value}, n {count}"),
    }
}
