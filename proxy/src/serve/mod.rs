//! Serving client connections: each connection, its requests one after the other, and the exchange
//! of each request with an endpoint.

mod call;
mod client;
mod conn_context;
mod connect;
mod connection;
mod decide;
mod decision;
mod exchange;
#[cfg(any(test, feature = "exchanges"))]
pub(crate) mod exchanges;
mod forward;
mod head;
mod identify;
#[cfg(any(test, feature = "exchanges"))]
mod in_memory;
mod inspect;
mod leave;
mod local_reply;
mod multiplex;
mod observe;
mod outcome;
mod queue;
mod request;
mod requests;
mod resilience;
mod shadow;
mod socket;
#[cfg(test)]
mod tests;
mod traced;
mod tunnel;
mod welcome;

pub(crate) use connection::connection;
pub(crate) use shadow::shadows;
