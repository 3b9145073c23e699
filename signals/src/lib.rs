//! Signals read from responses: tokens used, cost, time by stage, and failures in a body whose
//! status was 200.
//!
//! A [`Scanner`] is fed with the bytes of one response as they pass and keeps none of them; what it
//! found comes out at the end as [`Signals`]. [`Rules`] turn status and stated failure into an
//! outcome, [`Tariff`] turns tokens into money. Nothing here reads a clock, does IO, logs or counts:
//! time comes in as an argument. No input makes it panic or hold more than a few KiB, a
//! decompressor's window apart.

mod body;
mod chunk;
mod coding;
mod collected;
mod connect;
mod cost;
mod counts;
mod event_stream;
mod events;
mod explain;
mod failure;
mod fingerprint;
mod found;
mod frames;
mod generation;
mod grpc_web;
mod inflate;
mod json;
mod last_frame;
mod layout;
mod model_name;
mod money;
mod node;
mod prices;
mod protocol;
mod rates;
mod rules;
mod scanner;
mod socket;
mod tariff;
mod text;
mod tier;
mod timing;
mod uncoded;
mod usage;
mod words;

pub use coding::{Decoder, Plain};
pub use cost::{Cost, Passed};
pub use explain::{Explanation, Line, explain};
pub use failure::Failure;
pub use layout::Layout;
pub use money::{MAX_USD_NANOS, parse_usd};
pub use prices::{Prices, PricesError};
pub use protocol::{Protocol, model_in_path};
pub use rates::{Rates, Wanted};
pub use rules::{Provider, Rules};
pub use scanner::{Answer, End, PlainScanner, Scanner, Signals};
pub use socket::{Ended, Listener, Side, Socket};
pub use tariff::Tariff;
pub use tier::Tier;
pub use timing::{MAX_STAGES, Stage, server_timing, stage_name};
pub use uncoded::Uncoded;
pub use usage::{Part, Parts, Usage, Whole};
