//! The demo: two demo agents and the clients that talk to them.
