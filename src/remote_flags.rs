//! Flags that were evaluated for agents over OFREP and gRPC, joined with the requests that they work on: they
//! become part of the request's record, and events of OpenTelemetry.

use crate::traces::{Record, Traces};
use stagegate_ofrep::{Flags, Remote};
use stagegate_proxy::Report;
use stagegate_rollout::{self as rollout, RecordBatch, RecordedFlag, push_flag, records};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// The way of evaluations into records. It is there before the flags are.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemoteFlags(Arc<OnceLock<Arc<Flags>>>);

impl RemoteFlags {
    /// From now on the evaluations of `flags` are joined. Only the first ones count.
    pub(crate) fn follow(&self, flags: &Arc<Flags>, traces: &Arc<Traces>) {
        let traces = Arc::clone(traces);
        flags.listen_remote(move |call| {
            traces.offer(std::iter::once(Record::Flags(Box::new(call))));
        });
        let _ = self.0.set(Arc::clone(flags));
    }

    /// Adds to the records of a report what was evaluated for their requests. Costs nothing while no agent
    /// names a request. Runs on a worker's thread, four times a second.
    pub(crate) fn amend(&self, report: &mut Report) {
        let Some(flags) = self.0.get().filter(|flags| flags.has_remote()) else { return };
        let traced = report.traced.iter().map(|it| (it.request_id.as_str(), it.context.trace_id));
        let joinable = report.joinable.iter().map(|it| (it.request_id.as_str(), it.trace_id));
        let traces: HashMap<&str, [u8; 16]> = traced.chain(joinable).collect();
        let records = amended(&report.records, |record| {
            // What the proxy answered itself, no program has worked on.
            if record.release.is_empty() {
                return Vec::new();
            }
            let trace = traces.get(record.request_id).map(hex::encode);
            flags.take_remote(record.request_id, trace.as_deref(), record.at_ms)
        });
        report.records = records;
    }
}

/// The records, each with what `take` gives for its request.
fn amended(
    batch: &RecordBatch,
    mut take: impl FnMut(&rollout::Record<'_>) -> Vec<Remote>,
) -> RecordBatch {
    let mut out = RecordBatch::with_capacity(batch.as_bytes().len());
    for record in records(batch.as_bytes()).flatten() {
        let mut flags = record.flags.to_owned();
        for it in take(&record) {
            let (key, variant, decided_by) = (it.flag.as_str(), it.variant.as_str(), it.decided_by);
            push_flag(&mut flags, RecordedFlag { key, variant, decided_by, remote: true });
        }
        out.push(&rollout::Record { flags: &flags, ..record });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::amended;
    use stagegate_ofrep::Remote;
    use stagegate_rollout::{
        Arm, KeyKind, Outcome, Reason, Record, RecordBatch, recorded_flags, records,
    };

    fn record<'a>(request_id: &'a str, flags: &'a str) -> Record<'a> {
        Record {
            request_id,
            at_ms: 7,
            workload: "agent",
            release: "v2",
            arm: Arm::Candidate,
            reason: Reason::Weight,
            detail: "",
            epoch: 7,
            key: KeyKind::User,
            bucket: Some(5),
            weight: 10_000,
            tenant: "t",
            user: "u",
            conversation: "c",
            status: 200,
            outcome: Outcome::Ok,
            duration_us: 5,
            first_byte_us: 4,
            retries: 1,
            shadowed: true,
            spent: None,
            flags,
        }
    }

    #[test]
    fn a_record_gets_what_was_evaluated_for_its_request_and_stays_as_it_is_otherwise() {
        let mut batch = RecordBatch::default();
        batch.push(&record("r1", "a\u{1f}on\u{1f}targeting\u{1e}"));
        batch.push(&record("r2", ""));
        let remote = Remote {
            flag: "prompt".into(),
            variant: "off".into(),
            reason: "TARGETING_MATCH",
            decided_by: "denied",
            error: None,
        };
        let out =
            amended(
                &batch,
                |it| if it.request_id == "r1" { vec![remote.clone()] } else { Vec::new() },
            );
        let read: Vec<_> = records(out.as_bytes()).map(|it| it.expect("whole")).collect();
        assert_eq!((out.len(), read[1]), (2, record("r2", "")));
        let flags: Vec<_> = recorded_flags(read[0].flags).collect();
        assert_eq!((flags[0].key, flags[0].remote), ("a", false));
        let told = (flags[1].key, flags[1].variant, flags[1].decided_by, flags[1].remote);
        assert_eq!(told, ("prompt", "off", "denied", true));
        assert_eq!(Record { flags: "", ..read[0] }, record("r1", ""));
    }
}
