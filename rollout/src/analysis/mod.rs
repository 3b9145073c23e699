//! From counts to a verdict.
//!
//! [`Evidence`] takes in [`Tick`]s and gives an [`Analysis`] for each. A gate's condition means:
//!
//! - **Violated** (shares and means, which are tested): the evidence is at least `1/alpha`, alpha
//!   being the gate's part of what all triggers may use together, *and* the estimate over the
//!   gate's window (its `for`, at least five minutes, at most fifteen) is beyond limit or margin,
//!   *and* the newest values are not evidently better again. Candidates that are certainly worse
//!   but inside their margin are not rolled back.
//! - **Violated** (all else: medians, ratios of quantiles, spend): the estimate over the shortest
//!   window that has enough values is beyond the limit.
//! - **Trigger**: violated without a break for the gate's `for`, in observed time, with at least
//!   `requests` values in the step. Evidence a hundred times what is needed, or a candidate without
//!   a healthy endpoint, does not wait.
//! - **Holds** (for a promotion): enough values over the whole step, a registered look has ruled
//!   out "worse by the whole margin", the estimate is within the limit, and it is not violated. So
//!   a gate never lets pass and triggers at once.
//! - **Missing data** is neither good nor bad: clocks stand still, and after the policy's
//!   `no_data_alert_ms` the owner is told.
//! - **Attribution**: while an outage outside both releases hits both arms alike, or stable itself
//!   is evidently beyond a gate's own limit and the candidate is no worse, the gate's clock stands
//!   still and the tick is no evidence. What is compared with stable needs no such care. Whether a
//!   tick is left out is asked of stable first, so that leaving it out favours no arm.
//! - **Doubt**: while the scorers are not believed, what they say is no evidence, for or against: the
//!   gates on accuracy wait, whatever their `then`, and the verdict is `error` or `inconclusive`.
//! - **At 100%** stable has no traffic: gates against it use its figures in the step before, as a
//!   fixed limit; what is tested uses sums that do not get tired over days.
//! - **External** values are no test: the newest one is beyond the limit or not, two in a row make a violation,
//!   and without a fresh one the gate has no data, never `ok`.
//! - A gate that only alerts keeps a rollout from being promoted while violated; without data it
//!   does not.

mod beside;
mod blame;
mod counts;
mod evidence;
mod evident;
mod external;
mod figures;
mod flow;
mod forecast;
mod frame;
mod fresh;
mod gate_state;
mod measurement;
mod named;
mod report;
mod ring;
mod slices;
mod spend;
mod split;
mod stages;
mod tenants;
mod test;
mod text;
mod tick;
mod track;
mod trigger;
mod verdict;

pub use blame::Blame;
pub use evidence::{Evidence, Surroundings};
pub use external::ExternalReading;
pub use figures::{Compared, ComparedFigure, FigureUnit, figures};
pub use forecast::{PlannedGate, PlannedStep, Rates, chance_to_pass, plan};
pub use gate_state::{GateState, Why};
pub use measurement::{Estimate, Measurement, SliceReading};
pub use report::{Analysis, Forecast, SplitReading};
pub use spend::SpendBook;
pub(crate) use text::{Figure, Seconds};
pub use tick::Tick;
pub use trigger::Trigger;
pub use verdict::{AnalysisId, Verdict};
