//! A notice: an event in a form from which every channel makes its message.

use serde::{Deserialize, Serialize};
use stagegate_rollout::Severity;

/// The kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The gates' verdict is another one.
    VerdictChanged,
    /// The candidate was taken out.
    RolledBack,
    /// The next step began.
    Promoted,
    /// A rollout began.
    Started,
    /// A rollout was halted where it is.
    Paused,
    /// The candidate became stable.
    Completed,
    /// A rollout was called off.
    Aborted,
    /// There is nothing to judge by.
    NoData,
    /// Both arms fail alike: something outside is broken.
    ExternalOutage,
    /// The scorers are not believed: the eval axis says nothing.
    JudgeDoubted,
    /// No endpoint of the candidate answers.
    CandidateDown,
    /// A gate that only alerts is violated.
    GateAlert,
    /// A flag that gates a risk is past its day.
    FlagExpired,
    /// An earlier problem is over.
    Recovered,
    /// A person accepted that a check of a release is open.
    CheckWaived,
    /// A check that was met when the rollout began is not met any more.
    CheckStale,
    /// A task after a release got all traffic found something, is overdue, or announces a report.
    RunbookTask,
    /// A release was handed over to the people on call.
    HandedOff,
    /// The test of a channel.
    Test,
}

impl NoticeKind {
    /// Every kind, in the order tables show them.
    pub const ALL: [Self; 19] = [
        Self::VerdictChanged,
        Self::RolledBack,
        Self::Promoted,
        Self::Started,
        Self::Paused,
        Self::Completed,
        Self::Aborted,
        Self::NoData,
        Self::ExternalOutage,
        Self::JudgeDoubted,
        Self::CandidateDown,
        Self::GateAlert,
        Self::FlagExpired,
        Self::Recovered,
        Self::CheckWaived,
        Self::CheckStale,
        Self::RunbookTask,
        Self::HandedOff,
        Self::Test,
    ];

    /// The word used in messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::VerdictChanged => "verdict_changed",
            Self::RolledBack => "rolled_back",
            Self::Promoted => "promoted",
            Self::Started => "started",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::NoData => "no_data",
            Self::ExternalOutage => "external_outage",
            Self::JudgeDoubted => "judge_doubted",
            Self::CandidateDown => "candidate_down",
            Self::GateAlert => "gate_alert",
            Self::FlagExpired => "flag_expired",
            Self::Recovered => "recovered",
            Self::CheckWaived => "check_waived",
            Self::CheckStale => "check_stale",
            Self::RunbookTask => "runbook_task",
            Self::HandedOff => "handed_off",
            Self::Test => "test",
        }
    }
}

/// The effect of a notice on its problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// From now on there is one, or there still is.
    Open,
    /// It is over.
    Closed,
    /// There is none: something happened, and that is all.
    Event,
}

/// One measured or known thing, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The name: `p99`.
    pub name: String,
    /// The value: `8.4 s (limit 8 s)`.
    pub value: String,
}

/// Something that happened and that people want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same event has the same id, also after a restart, so that nobody is notified twice.
    pub id: String,
    /// The kind of event.
    pub kind: NoticeKind,
    /// The severity. A [`NoticeKind::Recovered`] has the severity of the recovered problem, so that
    /// it reaches the same receivers.
    pub severity: Severity,
    /// The workload; empty for a test.
    pub workload: String,
    /// Its subject within the workload and the rollout. Notices with the same subject are about one
    /// problem: a gate's id, or the name of the kind.
    pub subject: String,
    /// The rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// The release it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The step, as people call it: `2 (10%)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The axis: `eval`, `latency`, `cost` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<String>,
    /// The gate's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// The owner. Without one, everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The event, in one sentence.
    pub title: String,
    /// The known facts, the most important first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// The analysis it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// The link to more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Notice {
    /// A notice with all that every notice has.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        kind: NoticeKind,
        severity: Severity,
        workload: impl Into<String>,
        at_ms: u64,
        title: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            kind,
            severity,
            workload: workload.into(),
            subject: kind.label().to_owned(),
            rollout: None,
            release: None,
            step: None,
            axis: None,
            gate: None,
            owner: None,
            at_ms,
            title: title.into(),
            facts: Vec::new(),
            analysis: None,
            link: None,
        }
    }

    /// A test of a channel.
    #[must_use]
    pub fn test(channel: &str, actor: &str, at_ms: u64) -> Self {
        let title = format!("Test of channel {channel}: nothing happened");
        let mut notice = Self::new(
            format!("test-{channel}-{at_ms}"),
            NoticeKind::Test,
            Severity::Info,
            "",
            at_ms,
            title,
        );
        notice.subject = format!("test-{channel}");
        notice.fact("asked by", actor)
    }

    /// Of this rollout, release and step.
    #[must_use]
    pub fn of(
        mut self,
        rollout: impl Into<String>,
        release: impl Into<String>,
        step: impl Into<String>,
    ) -> Self {
        self.rollout = Some(rollout.into());
        self.release = Some(release.into());
        self.step = Some(step.into());
        self
    }

    /// About this gate, and so about the same problem as every notice of it.
    #[must_use]
    pub fn at_gate(mut self, axis: impl Into<String>, gate: impl Into<String>) -> Self {
        let gate = gate.into();
        self.axis = Some(axis.into());
        self.subject.clone_from(&gate);
        self.gate = Some(gate);
        self
    }

    /// About the problem that notices of `kind` without a gate tell of: what a recovery from it
    /// says.
    #[must_use]
    pub fn about(mut self, kind: NoticeKind) -> Self {
        kind.label().clone_into(&mut self.subject);
        self
    }

    /// Sets the owner.
    #[must_use]
    pub fn owned_by(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// With one more thing that is known.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push(Fact { name: name.into(), value: value.into() });
        self
    }

    /// Resting on this analysis.
    #[must_use]
    pub fn resting_on(mut self, analysis: impl Into<String>) -> Self {
        self.analysis = Some(analysis.into());
        self
    }

    /// With a page to read on.
    #[must_use]
    pub fn with_link(mut self, link: impl Into<String>) -> Self {
        self.link = Some(link.into());
        self
    }

    /// Returns the effect on its problem: troubles of at least [`Severity::Warning`] open it, a
    /// recovery closes it, and the rest are events.
    #[must_use]
    pub fn standing(&self) -> Standing {
        use NoticeKind as K;
        match self.kind {
            K::Recovered => Standing::Closed,
            K::VerdictChanged
            | K::RolledBack
            | K::NoData
            | K::ExternalOutage
            | K::JudgeDoubted
            | K::CandidateDown
            | K::GateAlert
            | K::CheckStale
                if self.severity >= Severity::Warning =>
            {
                Standing::Open
            }
            _ => Standing::Event,
        }
    }

    /// Name of the problem it opens or closes: the same for every notice about it, another for
    /// another rollout. An event has none.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        (self.standing() != Standing::Event).then(|| self.place())
    }

    /// The key of deduplication: the problem's name, or one of its own.
    pub(crate) fn topic(&self) -> String {
        self.problem().unwrap_or_else(|| format!("{}/{}", self.place(), self.id))
    }

    /// The place of the notice: environment, workload, rollout.
    fn place(&self) -> String {
        let parts = [self.workload.as_str(), self.rollout.as_deref().unwrap_or(""), &self.subject];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }

    /// The facts that people want first, by name, if known.
    pub(crate) fn context(&self) -> Vec<(&'static str, &str)> {
        let workload = (!self.workload.is_empty()).then_some(self.workload.as_str());
        let all = [
            ("workload", workload),
            ("rollout", self.rollout.as_deref()),
            ("release", self.release.as_deref()),
            ("step", self.step.as_deref()),
            ("axis", self.axis.as_deref()),
            ("gate", self.gate.as_deref()),
            ("owner", self.owner.as_deref()),
            ("analysis", self.analysis.as_deref()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Notice, NoticeKind, Standing};
    use stagegate_rollout::Severity;

    fn notice(kind: NoticeKind, severity: Severity) -> Notice {
        Notice::new("n-1", kind, severity, "agent", 0, "something").of("r-7", "v2", "1 (1%)")
    }

    #[test]
    fn a_gate_is_one_problem_from_its_alert_to_its_recovery() {
        let gate = |kind| notice(kind, Severity::Critical).at_gate("latency", "latency/p99");
        let told = [NoticeKind::GateAlert, NoticeKind::RolledBack, NoticeKind::Recovered].map(gate);
        assert!(
            told.iter().all(|notice| notice.problem().as_deref() == Some("agent/r-7/latency/p99"))
        );
        let standings = told.each_ref().map(Notice::standing);
        assert_eq!(standings, [Standing::Open, Standing::Open, Standing::Closed]);
    }

    #[test]
    fn what_is_no_trouble_opens_nothing() {
        use NoticeKind as K;
        for kind in [K::Started, K::Promoted, K::Paused, K::Completed, K::Aborted, K::Test] {
            assert_eq!(notice(kind, Severity::Critical).standing(), Standing::Event, "{kind:?}");
        }
        let passed = notice(K::VerdictChanged, Severity::Info);
        assert_eq!((passed.standing(), passed.problem()), (Standing::Event, None));
    }

    #[test]
    fn a_recovery_without_a_gate_says_from_what() {
        let lost = notice(NoticeKind::NoData, Severity::Warning);
        let back = notice(NoticeKind::Recovered, Severity::Warning).about(NoticeKind::NoData);
        assert_eq!(lost.problem(), back.problem());
        assert_ne!(lost.problem(), notice(NoticeKind::CandidateDown, Severity::Warning).problem());
    }
}
