//! The API of `libz-ng-sys`, from `libz-sys`, which has the same types over plain zlib.
//!
//! `pingora-core` asks `flate2` for zlib-ng, whose build script needs `cmake`. Stagegate runs none
//! of that code, and a fresh machine has no `cmake`, so the workspace patches the crate with this.
#![no_std]

pub use libz_sys::*;
