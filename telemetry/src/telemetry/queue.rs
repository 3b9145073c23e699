//! Figures of the queues of killed workloads.

use super::Telemetry;
use crate::names;
use crate::state::QueueGauges;
use metrics::SharedString;
use std::time::{SystemTime, UNIX_EPOCH};

impl Telemetry {
    /// Sets the figures of the queues. Call before every scrape.
    pub fn set_queues(&self, queues: &[QueueGauges]) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis());
        for queue in queues {
            let workload = SharedString::from(queue.workload.to_string());
            let of = std::slice::from_ref(&workload);
            let age = queue.oldest_ms.map_or(0, |it| now_ms.saturating_sub(u128::from(it)));
            self.prometheus.gauge(&names::QUEUE_WAITING, of).set(queue.waiting as f64);
            self.prometheus.gauge(&names::QUEUE_BYTES, of).set(queue.bytes as f64);
            self.prometheus.gauge(&names::QUEUE_OLDEST, of).set(age as f64 / 1e3);
            for (event, count) in queue.events {
                let labels = [workload.clone(), SharedString::const_str(event)];
                self.prometheus.counter(&names::QUEUE_REQUESTS, &labels).absolute(count);
            }
        }
    }
}
