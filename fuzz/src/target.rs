//! A target of the fuzzers.

/// One reader of foreign bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Panics when its property does not hold.
    pub run: fn(&[u8]),
    /// Inputs that get far, to begin from.
    pub seeds: &'static [&'static [u8]],
    /// Fragments that mean something to the reader.
    pub dictionary: &'static [&'static [u8]],
}
