//! Faults: crashes, pauses, partitions, lost majorities.

use crate::world::{Event, SECOND, World};

impl World {
    /// One fault, and when the next comes.
    pub(crate) fn fault(&mut self) {
        if !self.is_troubled() {
            return self.end_faults();
        }
        let wait = self.rng.between(SECOND / 2, SECOND * 4);
        self.after(wait, Event::Fault);
        self.faults += 1;
        let host = usize::try_from(self.rng.below(self.hosts.len() as u64)).unwrap_or(0);
        let (now, long) = (self.now, self.rng.between(SECOND / 10, SECOND * 12));
        match self.rng.below(10) {
            0 | 1 => {
                self.hosts[host].cut = true;
                self.after(long, Event::Join { host });
            }
            2 | 3 if self.hosts[host].process.is_some() => {
                self.hosts[host].paused = true;
                self.after(long, Event::Resume { host });
            }
            4 | 5 if self.hosts[host].process.is_some() => {
                self.hosts[host].process = None;
                self.hosts[host].paused = false;
                self.hosts[host].backlog.clear();
                self.after(long / 3, Event::Begin { host });
            }
            6 | 7 => {
                // The node that leads is the worst one: it answers reads for a while.
                let node = self.cluster.leader();
                let node = if self.rng.chance(700) { node } else { (node + 1) % 3 };
                self.cluster.isolate(node, now, &mut self.rng);
                self.after(long * 2, Event::Heal);
                for host in 0..self.hosts.len() {
                    if self.hosts[host].via == node {
                        let patience = self.rng.between(SECOND * 2, SECOND * 15);
                        self.after(patience, Event::Reconnect { host });
                    }
                }
            }
            8 => self.cluster.silence(now + long),
            _ => {
                // Another machine, whose clock runs differently.
                self.hosts[host].via = (self.hosts[host].via + 1) % 3;
            }
        }
    }

    /// Everything works again.
    fn end_faults(&mut self) {
        self.cluster.heal(self.now);
        for host in 0..self.hosts.len() {
            self.hosts[host].cut = false;
            self.after(1, Event::Resume { host });
            if self.hosts[host].process.is_none() {
                self.after(SECOND, Event::Restart { host });
            }
        }
    }
}
