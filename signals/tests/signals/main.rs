//! Tests with responses of five protocols, in the shapes of their SDKs' types and of recorded
//! exchanges.

mod bodies;
mod costs;
mod cuts;
mod dimensions;
mod outcomes;
mod protocols;
mod rpc;
mod shapes;
mod sockets;
mod streams;
