//! Messages and bytes, by what they are for.

use crate::message::{Answer, Ask, Message};

/// Messages and bytes of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Volume {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// All messages of a history.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Renewals of freshness.
    pub renewals: Volume,
    /// Entries: appended, told, fetched, acknowledged.
    pub changes: Volume,
    /// The steering lease.
    pub lease: Volume,
    /// Evidence.
    pub evidence: Volume,
    /// Writes that a majority commits.
    pub commits: u64,
}

impl Volume {
    const fn add(&mut self, messages: u64, bytes: u64) {
        self.messages += messages;
        self.bytes += bytes;
    }
}

impl Traffic {
    pub(crate) fn add(&mut self, ask: &Ask, answer: &Answer, replicas: usize) {
        self.commits += u64::from(ask.is_a_write());
        let bytes = match (ask, answer) {
            (_, Answer::Entries(entries)) => 400 + 2_500 * entries.len() as u64,
            // Each replica of the roster is a name and a number.
            (Ask::Roster { .. }, _) => 400 + 40 * replicas as u64,
            _ => ask.bytes(),
        };
        match ask {
            Ask::Renew { .. } | Ask::Newest { .. } => self.renewals.add(2, bytes),
            Ask::Append { .. } | Ask::Fetch { .. } | Ask::Roster { .. } => {
                self.changes.add(2, bytes);
            }
            Ask::Look | Ask::Claim { .. } => self.lease.add(2, bytes),
            Ask::Load | Ask::Save { .. } => self.evidence.add(2, bytes),
        }
    }

    pub(crate) fn tell(&mut self, message: &Message) {
        match message {
            Message::News(_) => self.changes.add(1, 2_600),
            Message::Ack { .. } => self.changes.add(1, 180),
            Message::Leads(_) => self.lease.add(1, 160),
            Message::Evidence { .. } => self.evidence.add(1, 4_000),
            Message::Saved { .. } => self.evidence.add(1, 120),
            Message::Answer { .. } | Message::Wake { .. } => {}
        }
    }
}
