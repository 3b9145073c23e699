//! Whole exchanges through the proxy, over connections in memory.

use anyhow::{Context as _, Result};
use stagegate_proxy::{EXCHANGES, Exchanges};

use crate::Operation;

/// Requests of different users, after which they begin again.
pub(crate) const USERS: u32 = Exchanges::USERS;

/// One exchange of this kind, from the first byte of its request to its record.
pub(crate) fn named(name: &str) -> Result<Operation> {
    let exchange = EXCHANGES.iter().find(|exchange| exchange.name == name);
    let mut exchanges = Exchanges::new(exchange.with_context(|| format!("no exchange `{name}`"))?);
    Ok(Box::new(move || exchanges.run()))
}
