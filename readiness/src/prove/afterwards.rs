//! The time after the deployment.

use super::rollback::{WEEK_MS, drilled};
use crate::proof::{Proof, percent};
use crate::{Facts, SpendSeen, Statement};
use stagegate_timing::moment;

/// F27: an incident was exercised.
pub(super) fn incident(facts: &Facts) -> Proof {
    let command = format!("stagegate drill {} --incident", facts.workload);
    drilled("an incident", facts.incident.as_ref(), facts.now_ms, WEEK_MS, &command)
}

/// F29: the expected spend is within the budget.
pub(super) fn forecast(facts: &Facts) -> Proof {
    let Some(budget) = facts.budget else {
        return Proof::fails(
            "the workload has no daily budget",
            format!("set `workloads.{}.cost.daily_budget`", facts.workload),
        );
    };
    match &facts.spend {
        SpendSeen::TooFew => Proof::fails(
            "too little traffic came in the last minutes to tell the daily spend",
            "send traffic, or wait for it",
        ),
        SpendSeen::Unknown(why) => {
            Proof::fails(why.clone(), "`stagegate price` explains the cost of a response")
        }
        SpendSeen::Daily(usd) if *usd > budget => Proof::fails(
            format!("${usd:.2} a day are expected, and the budget is ${budget:.2}"),
            format!(
                "make the release cheaper, or raise `workloads.{}.cost.daily_budget`",
                facts.workload
            ),
        ),
        SpendSeen::Daily(usd) => Proof::holds(format!(
            "${usd:.2} a day are expected, {} of the budget of ${budget:.2}",
            percent(usd / budget.max(f64::MIN_POSITIVE))
        )),
    }
}

/// F30: the day of the hand-over.
pub(super) fn hand_over(facts: &Facts, statement: Option<&Statement>) -> Proof {
    let again = format!(
        "`stagegate checklist sign {} F30 --release {} --date YYYY-MM-DD`",
        facts.workload, facts.release
    );
    let Some(date_ms) = statement.and_then(|it| it.date_ms) else {
        return Proof::fails("no day is set", again);
    };
    let day = moment(date_ms);
    let day = day.split(['T', ' ']).next().unwrap_or_default();
    // The whole day counts.
    if date_ms.saturating_add(86_400_000) <= facts.now_ms {
        return Proof::fails(format!("the day of the hand-over, {day}, is over"), again);
    }
    if date_ms > facts.now_ms.saturating_add(WEEK_MS) {
        return Proof::fails(format!("the hand-over on {day} is more than seven days away"), again);
    }
    Proof::holds(format!("hand-over on {day}"))
}
