//! Pictures of figures as SVG: the same in the dashboard and in reports.
//!
//! Pure. Every picture says in text what it shows, and is read without colour: stable is a solid line, the
//! candidate a dashed one. The sheet of styles is the page's.

mod arms;
mod chart;
mod gate;
mod weight;

pub use arms::{arms, bars};
pub use chart::{At, Chart, Event, draw};
pub use gate::gate;
pub use weight::{Weighed, weight};

/// The styles that the pictures need, for pages without a sheet of their own. They use the colours
/// `--line`, `--dim`, `--bad`, `--stable` and `--candidate`.
pub const STYLE: &str = "
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:1rem}
.chart{margin:0;border:1px solid var(--line);padding:.5rem .75rem;min-width:0;break-inside:avoid}
.chart svg{width:100%;height:auto}.chart circle{fill:currentColor}.chart .axis{stroke:var(--line)}
.chart .tick{fill:var(--dim);font-size:11px}.chart .tick.end{text-anchor:end}
.chart .curve{fill:none;stroke:currentColor;stroke-width:2}.chart .candidate.curve{stroke-dasharray:6 2}
.chart .area{fill:currentColor;opacity:.18}.chart .event{stroke:var(--dim);stroke-dasharray:2 4}
.chart .event.bad{stroke:var(--bad);stroke-dasharray:none}
.interval{width:100%;max-width:20rem;height:2.6rem}.interval .band{stroke:currentColor;stroke-width:3}
.interval .candidate.band{stroke-dasharray:6 2}.interval circle{fill:currentColor}
.interval .bar{fill:currentColor}.interval .candidate.bar{fill-opacity:.35;stroke:currentColor;stroke-width:2}
.stable{color:var(--stable)}.candidate{color:var(--candidate)}
";
