//! Feature flags.

use crate::names;
use crate::telemetry::Telemetry;
use metrics::SharedString;

/// What a scrape shows of feature flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagGauges {
    /// Flag, variant and reason, and how many evaluations over OFREP ended so. At most as many as the definitions
    /// have variants, and a few more.
    pub evaluations: Vec<(String, String, &'static str, u64)>,
    /// False if the files have a problem and an older state of them is in force.
    pub files_good: bool,
}

impl Telemetry {
    /// Sets the number of flags past their day, by what they gate.
    pub fn set_expired_flags(&self, counts: &[(&'static str, u64)]) {
        for (risk, count) in counts {
            let label = SharedString::const_str(risk);
            self.prometheus.gauge(&names::FLAGS_EXPIRED, &[label]).set(*count as f64);
        }
    }

    /// Sets the counts of evaluations, and the state of the files.
    pub fn set_flags(&self, flags: &FlagGauges) {
        let mut all = self.flags_of_requests();
        for (flag, variant, reason, count) in &flags.evaluations {
            all.add(flag, variant, reason, *count);
        }
        for (flag, variant, reason, count) in all.iter() {
            let labels = [
                flag.to_owned().into(),
                variant.to_owned().into(),
                SharedString::const_str(reason),
            ];
            self.prometheus.counter(&names::FLAG_EVALUATIONS, &labels).absolute(count);
        }
        let good = f64::from(u8::from(flags.files_good));
        self.prometheus.gauge(&names::FLAG_FILES, &[]).set(good);
    }
}
