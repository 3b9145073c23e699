//! Names of the stream and of subjects.

use stagegate_fleet::{OnStale, ReplicaName};

/// The names of one fleet.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The stream.
    pub(crate) stream: String,
    /// Subject of the ledger's entries.
    pub(crate) ledger: String,
    root: String,
}

impl Names {
    /// Names of the fleet `fleet`, which is one token of a subject.
    pub(crate) fn of(fleet: &str) -> Self {
        let root = format!("stagegate.{fleet}");
        Self { stream: format!("stagegate-{fleet}"), ledger: format!("{root}.ledger"), root }
    }

    /// Everything that the stream keeps.
    pub(crate) fn kept(&self) -> Vec<String> {
        let kept = ["ledger", "lease", "live.*.*", "evidence.>"];
        kept.iter().map(|it| format!("{}.{it}", self.root)).collect()
    }

    /// Subject of the steering lease.
    pub(crate) fn lease(&self) -> String {
        format!("{}.lease", self.root)
    }

    /// Subject of a workload's evidence.
    pub(crate) fn evidence(&self, workload: &str) -> String {
        format!("{}.evidence.{workload}", self.root)
    }

    /// Where replicas ask each other; not kept.
    pub(crate) fn asks(&self) -> String {
        format!("{}.ask", self.news())
    }

    /// Where a replica that steers gets reports; not kept.
    pub(crate) fn reports(&self, leader: &ReplicaName) -> String {
        format!("{}.reports.{leader}", self.news())
    }

    /// Where the replica that steers tells all others; not kept.
    pub(crate) fn steered(&self) -> String {
        format!("{}.steered", self.news())
    }

    /// Subject of a replica's renewals. Whether it closes by itself is part of the name, so that the
    /// list of subjects is the roster.
    pub(crate) fn live(&self, replica: &ReplicaName, on_stale: OnStale) -> String {
        let word = match on_stale {
            OnStale::Stable => "stable",
            OnStale::Hold => "hold",
        };
        format!("{}.live.{word}.{replica}", self.root)
    }

    /// The subjects of all renewals.
    pub(crate) fn all_live(&self) -> String {
        format!("{}.live.*.*", self.root)
    }

    /// The subjects of one replica's renewals, whatever it does when it is not fresh.
    pub(crate) fn any_live(&self, replica: &ReplicaName) -> String {
        format!("{}.live.*.{replica}", self.root)
    }

    /// The replica of a subject of renewals.
    pub(crate) fn replica(&self, subject: &str) -> Option<(ReplicaName, OnStale)> {
        let rest = subject.strip_prefix(&self.root)?.strip_prefix(".live.")?;
        let (word, name) = rest.split_once('.')?;
        let on_stale = if word == "hold" { OnStale::Hold } else { OnStale::Stable };
        Some((name.parse().ok()?, on_stale))
    }

    /// Where entries are told; not kept.
    pub(crate) fn news(&self) -> String {
        format!("stagegate-news.{}", self.root)
    }

    /// Where acknowledgements for a replica go; not kept.
    pub(crate) fn acks(&self, replica: &ReplicaName) -> String {
        format!("stagegate-acks.{}.{replica}", self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::Names;
    use stagegate_fleet::OnStale;

    #[test]
    fn a_subject_says_who_renews_and_whether_it_closes_by_itself() {
        let names = Names::of("agents");
        for on_stale in [OnStale::Stable, OnStale::Hold] {
            let name = "eu-7".parse().unwrap();
            let subject = names.live(&name, on_stale);
            assert_eq!(names.replica(&subject), Some((name, on_stale)));
        }
        assert_eq!(names.replica("stagegate.other.live.hold.a"), None);
    }
}
