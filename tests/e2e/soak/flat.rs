//! Whether memory and open files stay where they are once everything is warm.

/// Learned conversations are kept up to this number; until it is reached, each may cost this much.
const PINS: usize = 1_000_000;
const BYTES_PER_PIN: u64 = 128;
/// The decision log's blocks and indexes come and go.
const SAWTOOTH_KIB: u64 = 8 << 10;
/// So do connections that clients abort and backends that are killed leave behind for a moment.
const SAWTOOTH_FILES: f64 = 24.0;

/// The process at one moment.
pub(super) struct Sample {
    /// How far the soak is, from 0 to 1.
    pub(super) progress: f64,
    /// Resident memory.
    pub(super) kib: u64,
    /// Open files.
    pub(super) files: usize,
    /// Conversation ids learned so far.
    pub(super) learned: usize,
}

/// All of them.
#[derive(Default)]
pub(super) struct Flatness {
    samples: Vec<Sample>,
}

/// Means over a part of the soak.
struct Part {
    kib: u64,
    pinned_kib: u64,
    files: f64,
}

impl Flatness {
    pub(super) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// The last sample in words.
    pub(super) fn latest(&self) -> String {
        self.samples.last().map_or_else(String::new, |sample| {
            format!("{} KiB resident, {} files open", sample.kib, sample.files)
        })
    }

    fn part(&self, from: f64, to: f64) -> Part {
        let part: Vec<&Sample> =
            self.samples.iter().filter(|s| (from..=to).contains(&s.progress)).collect();
        let count = part.len() as u64;
        assert!(count > 0, "no sample between {from} and {to}");
        let pins = |s: &&Sample| s.learned.min(PINS) as u64 * BYTES_PER_PIN / 1024;
        Part {
            kib: part.iter().map(|s| s.kib).sum::<u64>() / count,
            pinned_kib: part.iter().map(pins).sum::<u64>() / count,
            files: part.iter().map(|s| s.files as f64).sum::<f64>() / count as f64,
        }
    }

    /// What came of it in words; fails the test if anything has grown that should not.
    pub(super) fn verdict(&self) -> String {
        let (warm, end) = (self.part(0.4, 0.6), self.part(0.8, 1.0));
        let explained = end.pinned_kib.saturating_sub(warm.pinned_kib);
        let allowed = warm.kib + warm.kib / 20 + SAWTOOTH_KIB + explained;
        assert!(
            end.kib <= allowed,
            "grew from {} KiB to {} KiB, {allowed} KiB are explained",
            warm.kib,
            end.kib
        );
        assert!(
            end.files <= warm.files * 1.05 + SAWTOOTH_FILES,
            "open files grew from {:.0} to {:.0}",
            warm.files,
            end.files
        );
        format!(
            "{} KiB resident after warm-up, {} KiB at the end, of which new pins account for at \
             most {explained} KiB; {:.0} and {:.0} files open",
            warm.kib, end.kib, warm.files, end.files
        )
    }
}

#[test]
fn growth_is_told_from_warmth() {
    let soak = |grows: u64| {
        let mut flatness = Flatness::default();
        for percent in 0..=100_u64 {
            flatness.add(Sample {
                progress: percent as f64 / 100.0,
                kib: 60_000 + percent * grows,
                files: 100,
                learned: 0,
            });
        }
        flatness
    };
    assert!(soak(1).verdict().contains("files open"));
    let grown = std::panic::catch_unwind(|| soak(1000).verdict());
    assert!(grown.is_err(), "40 MB in four tenths of the time");
}
