//! Addresses nobody else uses.
//!
//! A port that was free a moment ago can be taken by any outgoing connection of a test running
//! beside this one. So every listener gets a loopback IP of its own: Linux answers on all of
//! 127.0.0.0/8, and outgoing connections come from 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// A loopback address with an IP that no other test uses.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let host = loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Eleven bits tell processes apart that run at the same time, twelve the listeners of one;
        // the upper half of the range keeps clear of 127.0.0.1 and its neighbours.
        let bits = 1 << 23 | (std::process::id() & 0x7ff) << 12 | (number & 0xfff);
        let host = Ipv4Addr::from_bits(127 << 24 | bits);
        // .0 and .255 look like network addresses to some software.
        if !matches!(host.octets()[3], 0 | 255) {
            break host;
        }
    };
    let listener = TcpListener::bind((host, 0)).expect("bind a loopback address");
    listener.local_addr().expect("address of a listener")
}
