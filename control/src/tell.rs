//! Converts notices of the state machine into messages to people.

use super::{Control, View};
use stagegate_notify as notify;
use stagegate_rollout::{Notice, NoticeKind, WorkloadName};

impl Control {
    /// Sends notices through `notifier` from now on. Only the first call has an effect.
    pub fn tell_through(&self, notifier: notify::Notifier) {
        // A second one would deliver from the same outbox: one is enough.
        let _ = self.inner.notifier.set(notifier);
    }
}

/// The page of a workload below the address of the dashboard.
pub(super) fn page_of(url: &str, workload: &str) -> String {
    format!("{url}/w/{workload}")
}

/// The notice with a link to the dashboard, where its address is known.
pub(super) fn linked(notice: notify::Notice, view: &View) -> notify::Notice {
    match &view.config.admin.public_url {
        Some(url) if notice.link.is_none() => {
            let page = page_of(url, &notice.workload);
            notice.with_link(page)
        }
        _ => notice,
    }
}

/// Converts a notice of the state machine into a notice for channels.
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

/// Returns the kind of the recovered problem if it is not a gate's. The last part of the problem's
/// name determines it.
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
