//! From what the state machine says to what people are told.

use super::Control;
use stagegate_notify as notify;
use stagegate_rollout::{Notice, NoticeKind, WorkloadName};

impl Control {
    /// From now on people are told through `notifier`. Only the first one counts.
    pub fn tell_through(&self, notifier: notify::Notifier) {
        // A second one would deliver from the same outbox: one is enough.
        let _ = self.inner.notifier.set(notifier);
    }
}

/// A notice of the state machine in the form channels are told in.
pub(super) fn told(workload: &WorkloadName, notice: &Notice) -> notify::Notice {
    let mut told = notify::Notice::new(
        notice.id.as_str(),
        kind(notice.kind),
        notice.severity,
        workload.as_str(),
        notice.at_ms,
        notice.title.as_str(),
    )
    .of(notice.rollout.as_str(), notice.release.as_str(), (notice.step + 1).to_string());
    if let (Some(axis), Some(gate)) = (notice.axis, &notice.gate) {
        told = told.at_gate(axis.label(), gate.as_str());
    } else if notice.kind == NoticeKind::Recovered {
        told = told.about(over(notice));
    }
    if let Some(axis) = notice.axis {
        told.axis = Some(axis.label().to_owned());
    }
    if let Some(owner) = &notice.owner {
        told = told.owned_by(&**owner);
    }
    if let Some(analysis) = &notice.analysis {
        told = told.resting_on(analysis.as_str());
    }
    notice.facts.iter().fold(told, |told, (name, value)| told.fact(name.as_str(), value.as_str()))
}

/// What is over, where it is no gate's: the last part of a problem's name says it.
fn over(notice: &Notice) -> notify::NoticeKind {
    match notice.problem.rsplit('~').next() {
        Some("judge") => notify::NoticeKind::JudgeDoubted,
        Some("traffic") => notify::NoticeKind::NoData,
        _ => notify::NoticeKind::ExternalOutage,
    }
}

const fn kind(kind: NoticeKind) -> notify::NoticeKind {
    use notify::NoticeKind as K;
    match kind {
        NoticeKind::Started => K::Started,
        NoticeKind::Promoted | NoticeKind::Resumed => K::Promoted,
        NoticeKind::Paused => K::Paused,
        NoticeKind::Aborted => K::Aborted,
        NoticeKind::RolledBack => K::RolledBack,
        NoticeKind::Completed => K::Completed,
        NoticeKind::VerdictChanged => K::VerdictChanged,
        NoticeKind::GateAlert => K::GateAlert,
        NoticeKind::NoData => K::NoData,
        NoticeKind::Recovered => K::Recovered,
        NoticeKind::ExternalOutage => K::ExternalOutage,
        NoticeKind::JudgeDoubted => K::JudgeDoubted,
    }
}
