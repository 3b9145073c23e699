//! The `Host` that endpoints see.

/// The `Host` that endpoints see.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum HostHeader {
    /// The client's.
    #[default]
    Preserve,
    /// The endpoint's own `host:port`.
    Endpoint,
    /// This name.
    Name(String),
}

impl HostHeader {
    /// The host for a request whose client sent `client` (empty where it sent none), which is asked
    /// only where it matters. `None` stands for the endpoint's own.
    pub fn value<'a>(&'a self, client: impl FnOnce() -> &'a str) -> Option<&'a str> {
        match self {
            Self::Preserve => Some(client()).filter(|host| !host.is_empty()),
            Self::Endpoint => None,
            Self::Name(name) => Some(name.as_str()),
        }
    }
}
