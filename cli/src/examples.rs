//! Examples of a command, as its help shows them.

/// The lines without the program's name, one example each.
macro_rules! examples {
    ($($line:literal),+) => {
        concat!("Examples:", $("\n  stagegate ", $line),+)
    };
}
pub(crate) use examples;
