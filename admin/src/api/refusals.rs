//! A cap on the log lines that one peer can cause by being refused.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most lines of one peer in a minute.
const LINES: u32 = 30;
/// Most peers that are told apart.
const PEERS: usize = 1024;
const MINUTE: Duration = Duration::from_secs(60);

/// Counts the lines of this minute.
#[derive(Debug, Default)]
pub struct Refusals {
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    begun: Option<Instant>,
    lines: BTreeMap<Option<IpAddr>, u32>,
    left_out: u64,
}

impl Refusals {
    /// Returns true if one more line of this peer is written. The number of those that were not is
    /// in a line of the next minute.
    pub(super) fn admits(&self, peer: Option<IpAddr>) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.begun.is_none_or(|begun| begun.elapsed() >= MINUTE) {
            if minute.left_out > 0 {
                let refused = minute.left_out;
                tracing::warn!(refused, "more admin requests were refused in the minute before");
            }
            *minute = Minute { begun: Some(Instant::now()), ..Minute::default() };
        }
        // Beyond the peers that are told apart, all others are one.
        let key = peer.filter(|_| minute.lines.len() < PEERS || minute.lines.contains_key(&peer));
        let lines = minute.lines.entry(key).or_default();
        *lines = lines.saturating_add(1);
        let admitted = *lines <= LINES;
        minute.left_out += u64::from(!admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::{LINES, PEERS, Refusals};

    #[test]
    fn every_peer_has_lines_of_its_own_and_no_more() {
        let refusals = Refusals::default();
        let peer = |last: u32| Some(std::net::IpAddr::from(last.to_be_bytes()));
        let written = (0..1000).filter(|_| refusals.admits(peer(1))).count();
        assert_eq!(written, LINES as usize);
        assert!(refusals.admits(peer(2)));
        for it in 0..3 * PEERS as u32 {
            let _ = refusals.admits(peer(it));
        }
        assert!(refusals.minute.lock().unwrap().lines.len() <= PEERS + 1);
    }
}
