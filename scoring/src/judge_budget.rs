//! The budgets and the spending of judges. Each scorer of a workload has one account; a change of
//! the scorer does not reset it.
//!
//! The most that a call can cost is stored before the call, so that a restart does not forget it. A
//! call that a crash interrupted counts as if it had cost the most.

use stagegate_eval::{
    Broke, Budget, ItemScores, Nanos, Reservation, RubricScorer, Sample, ScorerKind, ScorerSpec,
    Sent,
};
use stagegate_store::{JudgeSpend, SamplesError, SpendStore};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The spending of one judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeFigures {
    /// The workload.
    pub workload: String,
    /// The scorer.
    pub scorer: String,
    /// The budget per day.
    pub daily: Nanos,
    /// The spending today (UTC), with the most that running calls can cost.
    pub today: Nanos,
    /// The spending since the start of the process.
    pub total: Nanos,
}

/// A judge cannot be called now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotNow {
    #[error(transparent)]
    Broke(#[from] Broke),
    #[error("the cost of judging cannot be stored: {0}")]
    Store(#[from] SamplesError),
    #[error("the judge has no prices")]
    NoPrices,
}

/// The accounts of all judges.
pub(crate) struct JudgeBudget(Mutex<Accounts>);

struct Accounts {
    store: SpendStore,
    of: BTreeMap<(String, String), Account>,
}

struct Account {
    budget: Budget,
    total: Nanos,
}

impl JudgeBudget {
    /// Loads the spending of former processes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn open(store: SpendStore) -> Result<Self, SamplesError> {
        let account = |spend: JudgeSpend| {
            let (workload, scorer) = spend.account.split_once('/')?;
            // The first call sets the daily budget from the configuration.
            let budget = Budget::resumed(Nanos(u64::MAX), spend.day, Nanos(spend.nanos));
            let whose = (workload.to_owned(), scorer.to_owned());
            Some((whose, Account { budget, total: Nanos(0) }))
        };
        let of = store.all()?.into_iter().filter_map(account).collect();
        Ok(Self(Mutex::new(Accounts { store, of })))
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves the most that a call can cost; nothing for a judge without a budget.
    pub(crate) fn reserve(
        &self,
        scorer: &ScorerSpec,
        sample: &Sample,
        now_ms: u64,
    ) -> Result<Option<Reservation>, NotNow> {
        let Some((rubric, daily)) = budget_of(scorer) else { return Ok(None) };
        let most = rubric.dearest(sample).ok_or(NotNow::NoPrices)?;
        let mut accounts = self.accounts();
        let Accounts { store, of } = &mut *accounts;
        let whose = (sample.workload.clone(), scorer.name.clone());
        let account = of
            .entry(whose.clone())
            .or_insert_with(|| Account { budget: Budget::new(daily), total: Nanos(0) });
        account.budget.set_daily(daily);
        let reserved = account.budget.reserve(most, now_ms)?;
        if let Err(error) = store.keep(&spend(&whose, &account.budget)) {
            account.budget.settle(reserved, Nanos(0));
            return Err(error.into());
        }
        Ok(Some(reserved))
    }

    /// Ends a reservation. An answer without its cost, and a call that may have arrived and was not
    /// answered, cost the most.
    pub(crate) fn settle(
        &self,
        scorer: &ScorerSpec,
        workload: &str,
        reserved: Reservation,
        sent: &Sent,
    ) {
        let cost = match sent {
            Sent::Answered(items) => match told(items) {
                Nanos(0) => reserved.amount(),
                cost => cost,
            },
            Sent::Again { worked: true, .. } => reserved.amount(),
            Sent::Later | Sent::Again { .. } | Sent::Refused { .. } => Nanos(0),
        };
        let mut accounts = self.accounts();
        let Accounts { store, of } = &mut *accounts;
        let whose = (workload.to_owned(), scorer.name.clone());
        let Some(account) = of.get_mut(&whose) else { return };
        account.budget.settle(reserved, cost);
        account.total = account.total.plus(cost);
        if let Err(error) = store.keep(&spend(&whose, &account.budget)) {
            // The disk still has the reservation, which is never too little.
            tracing::warn!(%error, "cannot store the spending of a judge; the reserved amount stays stored");
        }
    }

    /// Returns true if a gating judge has no budget left today.
    pub(crate) fn is_gone<'a>(
        &self,
        workload: &str,
        scorers: impl IntoIterator<Item = &'a ScorerSpec>,
        now_ms: u64,
    ) -> bool {
        let mut accounts = self.accounts();
        scorers.into_iter().filter(|scorer| scorer.gate).any(|scorer| {
            let Some((_, daily)) = budget_of(scorer) else { return false };
            let whose = (workload.to_owned(), scorer.name.clone());
            accounts.of.get_mut(&whose).is_some_and(|account| {
                account.budget.set_daily(daily);
                account.budget.is_gone(now_ms)
            })
        })
    }

    /// Every account that was used since the start, or has a budget now.
    pub(crate) fn figures(&self, now_ms: u64) -> Vec<JudgeFigures> {
        let figures = |((workload, scorer), account): (&(String, String), &mut Account)| {
            let daily = account.budget.daily();
            // It was not used since the start.
            let is_known = daily != Nanos(u64::MAX);
            is_known.then(|| JudgeFigures {
                workload: workload.clone(),
                scorer: scorer.clone(),
                daily,
                today: daily.less(account.budget.left(now_ms)),
                total: account.total,
            })
        };
        self.accounts().of.iter_mut().filter_map(figures).collect()
    }
}

fn told(items: &[ItemScores]) -> Nanos {
    let scores = items.iter().flat_map(|item| match item {
        ItemScores::Scored(scores) => &scores[..],
        ItemScores::Again(_) | ItemScores::Unscored(_) => &[],
    });
    scores.fold(Nanos(0), |sum, score| sum.plus(score.cost))
}

fn spend((workload, scorer): &(String, String), budget: &Budget) -> JudgeSpend {
    let (day, nanos) = budget.committed();
    JudgeSpend { account: format!("{workload}/{scorer}"), day, nanos: nanos.0 }
}

fn budget_of(scorer: &ScorerSpec) -> Option<(&RubricScorer, Nanos)> {
    match &scorer.kind {
        ScorerKind::Rubric(rubric) => Some((rubric, rubric.daily_budget?)),
        ScorerKind::Check(_) | ScorerKind::Http(_) => None,
    }
}
