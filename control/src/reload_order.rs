//! A reload as somebody asks for it.

/// A reload as it was asked for.
#[derive(Clone, Debug, Default)]
pub struct ReloadOrder {
    /// Who or what asks.
    pub actor: String,
    /// Why; may be empty.
    pub reason: String,
    /// The caller insists on a stable release that was rolled back; needs a reason.
    pub overriding: bool,
}
