//! Keys for the sources of external gates.

use crate::metric_source::MetricKind;
use crate::read::{raw, words};
use crate::scalar::{ChannelKey, ChannelName, ChannelSecret, ChannelUrl};

raw! {
    /// Somebody who is asked for the values of gates on axis `external`.
    pub(crate) struct RawMetricSource {
        /// Its name, for the key `source` of gates.
        name: ChannelName = required,
        /// The kind.
        r#type: MetricKind = required,
        /// The URL, `http://…` or `https://…`; never shown. For `prometheus` the address before
        /// `/api/v1/query`; for `webhook` the URL to post to.
        url: ChannelUrl = required,
        /// The bearer token that a `prometheus` wants.
        token: ChannelKey = optional,
        /// The key with which questions to a `webhook` are signed, at least 16 characters. Without it they
        /// are not signed.
        secret: ChannelSecret = optional,
    }
}

words! {
    /// The kind of a source.
    MetricKind, |kind| kind.label(), {
        /// What answers Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.
        Prometheus,
        /// Anything that answers a signed POST with `{"candidate": 0.012, "stable": 0.011}`.
        Webhook,
    }
}
