//! Checked settings of the sources of external gates.

use crate::Secret;

/// Somebody who tells values of external gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricSource {
    /// Its name, by which gates refer to it.
    pub name: String,
    /// Where it is and how it is asked.
    pub target: MetricTarget,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricTarget {
    /// Prometheus' HTTP API.
    Prometheus {
        /// The address before `/api/v1/query`.
        url: Secret,
        /// The bearer token.
        token: Option<Secret>,
    },
    /// Stagegate's own JSON.
    Webhook {
        /// The URL to post to.
        url: Secret,
        /// The key that signs the questions.
        secret: Option<Secret>,
    },
}

/// The kind of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Prometheus,
    Webhook,
}

impl MetricKind {
    /// The word used in the configuration.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Webhook => "webhook",
        }
    }
}
