//! Traffic as agents have it, through the gates themselves: conversations, clients that repeat,
//! caches that warm up, a few heavy tenants. The built-in policy judges it tick by tick on the
//! product's own way: units, windows, clocks, fast path and promotion looks.

mod drive;
mod generate;
mod shape;
mod shapes;
mod table;

pub use drive::{Fate, drive};
pub use shape::{Arms, Shape, Tenants};
pub use shapes::all;
pub use table::{Row, simulate};
