//! What judges may spend, and have spent. An account is that of a scorer of a workload: editing the
//! scorer does not fill it up again.
//!
//! What a call may cost is on the disk before the call, so that no restart forgets it: calls that a
//! crash cuts off count as if they had cost the most they could.

use stagegate_eval::{
    Broke, Budget, ItemScores, Nanos, Reservation, RubricScorer, Sample, ScorerKind, ScorerSpec,
    Sent,
};
use stagegate_store::{JudgeSpend, SamplesError, SpendStore};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one judge has spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeFigures {
    /// The workload.
    pub workload: String,
    /// The scorer.
    pub scorer: String,
    /// What there is a day.
    pub daily: Nanos,
    /// What was spent today (UTC), what calls under way may cost included.
    pub today: Nanos,
    /// What was spent since the start of the process.
    pub total: Nanos,
}

/// Why a judge cannot be asked now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotNow {
    #[error(transparent)]
    Broke(#[from] Broke),
    #[error("what judging costs cannot be written down: {0}")]
    Store(#[from] SamplesError),
    #[error("the judge has no prices")]
    NoPrices,
}

pub(crate) struct Purse(Mutex<Accounts>);

struct Accounts {
    store: SpendStore,
    of: BTreeMap<(String, String), Account>,
}

struct Account {
    budget: Budget,
    total: Nanos,
}

impl Purse {
    /// Goes on from what former processes spent.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(crate) fn open(store: SpendStore) -> Result<Self, SamplesError> {
        let account = |spend: JudgeSpend| {
            let (workload, scorer) = spend.account.split_once('/')?;
            // What there is a day is the configuration's to say, with the first call.
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

    /// Sets the most aside that asking can cost; nothing for a judge without a budget.
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

    /// Ends a reservation. An answer that does not say what it cost, and a question that may have
    /// arrived and was not answered, cost the most they could.
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
            // On the disk it is what it was before the call: rather too much.
            tracing::warn!(%error, "what a judge spent is not written down yet");
        }
    }

    /// Whether a judge whose word counts has no money left today.
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
            // Nobody has asked for it since the start.
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
