//! What answers of five protocols say, in the shapes their SDKs' types and recorded exchanges have.

mod bodies;
mod costs;
mod cuts;
mod dimensions;
mod outcomes;
mod protocols;
mod sockets;
mod streams;
