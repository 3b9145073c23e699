//! Releases that a gate rolled back: no command sends them traffic again by itself.
//!
//! A rollback by a person condemns nothing: whoever opens the release again decides as they did.

use crate::{
    Closed, Condemned, Mark, OnRollback, ReleaseName, Rollout, Weight, WorkloadSpec, WorkloadState,
};

impl WorkloadState {
    /// The rollback that keeps `release` from getting traffic; `None` once an override has let it
    /// in again.
    #[must_use]
    pub fn condemnation(&self, release: &ReleaseName) -> Option<Mark> {
        if let Some(condemned) = self.condemned.get(release) {
            return condemned.let_in.is_none().then(|| condemned.by.clone());
        }
        // States of earlier versions say it here only.
        let closed = self.closed.as_ref().filter(|_| self.candidate.as_ref() == Some(release))?;
        if closed.by != Rollout::ITSELF {
            return None;
        }
        let Closed { by, reason, at_ms, .. } = closed;
        Some(Mark { by: by.clone(), reason: reason.clone(), at_ms: *at_ms })
    }

    /// How often a gate rolled `release` back.
    #[must_use]
    pub fn times_condemned(&self, release: &ReleaseName) -> u32 {
        match self.condemned.get(release) {
            Some(condemned) => condemned.times.max(1),
            None => u32::from(self.condemnation(release).is_some()),
        }
    }

    /// From now on `release` is condemned.
    pub(crate) fn condemn(&mut self, release: ReleaseName, mark: &Mark) {
        let times = self.times_condemned(&release) + 1;
        self.condemned.insert(release, Condemned { by: mark.clone(), let_in: None, times });
    }

    /// An override lets `release` in again: `by` is the rollback, `mark` the override.
    pub(crate) fn let_in(&mut self, release: ReleaseName, by: Mark, mark: &Mark) {
        let times = self.times_condemned(&release).max(1);
        self.condemned.insert(release, Condemned { by, let_in: Some(mark.clone()), times });
    }

    /// The closed candidate that a condemned release begins as.
    pub(crate) fn closed_again(
        &self,
        spec: &WorkloadSpec,
        release: &ReleaseName,
    ) -> Option<Closed> {
        let Mark { by, reason, at_ms } = self.condemnation(release)?;
        let finishing = spec.on_rollback == OnRollback::Finish && self.killed.is_none();
        Some(Closed { by, reason, at_ms, weight_before: Weight::ZERO, finishing })
    }
}

/// What an override goes against.
pub(crate) fn said_against(release: &ReleaseName, by: &Mark) -> String {
    let why = if by.reason.is_empty() { "no reason given" } else { &by.reason };
    format!("release {release} was rolled back by {}: {why}", by.by)
}

#[cfg(test)]
mod tests {
    use crate::{Mark, WorkloadSpec, WorkloadState};

    #[test]
    fn every_rollback_by_a_gate_counts() {
        let name = |text: &str| text.parse().expect("a name");
        let spec = WorkloadSpec::new("agent".parse().expect("a name"), name("v1"));
        let mut state = WorkloadState::initial(&spec);
        let mark = Mark { by: "stagegate".into(), reason: String::new(), at_ms: 1 };
        assert_eq!(state.times_condemned(&name("v2")), 0);
        for times in 1..=3 {
            state.condemn(name("v2"), &mark);
            assert_eq!(state.times_condemned(&name("v2")), times);
            state.let_in(name("v2"), mark.clone(), &mark);
            assert_eq!(state.times_condemned(&name("v2")), times);
        }
        // A state of an earlier version does not say how often: once.
        let stored = serde_json::to_value(&state.condemned[&name("v2")]).expect("stored");
        let mut stored = stored.as_object().expect("an object").clone();
        stored.remove("times");
        let read = serde_json::from_value(stored.into()).expect("read back");
        state.condemned.insert(name("v2"), read);
        assert_eq!(state.times_condemned(&name("v2")), 1);
    }
}
