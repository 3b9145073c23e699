//! The result of a proof.

/// The result of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The check is met; the evidence.
    Holds(String),
    /// It is not.
    Fails {
        /// What is missing.
        why: String,
        /// The command or the key that meets it.
        remedy: String,
    },
}

impl Proof {
    pub(crate) fn holds(seen: impl Into<String>) -> Self {
        Self::Holds(seen.into())
    }

    pub(crate) fn fails(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Fails { why: why.into(), remedy: remedy.into() }
    }
}

/// A share in percent, with one digit after the point where it has one.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{}%", text.trim_end_matches(".0"))
}
