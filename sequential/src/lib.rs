//! The statistics behind the gates: tests that may be looked at as often as one likes.
//!
//! A rollback may be decided at every tick, so its tests are *e-processes*: numbers that, while
//! the claim "all is well" holds, exceed `1/alpha` at any time ever with probability at most
//! `alpha`. A promotion is decided at looks that were registered beforehand, with the stronger
//! fixed-sample tests. `docs/STATISTICS.md` explains both to people who run services.
//!
//! | question | type |
//! |---|---|
//! | is the failure share above (below) a limit? | [`ShareTest`] |
//! | does the candidate fail more often than stable, right now, beside it? | [`CoinTest`] |
//! | does it by more than a margin of percentage points? | [`MarginTest`] |
//! | are its heavy-tailed totals (a conversation's cost) above a multiple of stable's? | [`GradedCoinTest`] |
//! | is a heavy-tailed mean (cost) above a limit? | [`MeanTest`] |
//! | the same for ever, after the rollout | [`ShareCusum`], [`CoinCusum`], [`MeanCusum`] |
//! | did the split send keys where it should? | [`SplitHealth`] |
//! | may it be promoted? | [`promotion`] |
//! | what to show beside an estimate? | [`interval`] |
//! | how long will it take? | [`plan`] |
//!
//! ```
//! # use stagegate_sequential::{Alpha, Claim, CoinTest, InvalidParameter, Tally};
//! let mut errors = CoinTest::new(1.0, Claim::Above)?;
//! for tick in 0..60 {
//!     if tick > 0 && tick % 10 == 0 {
//!         errors.begin_block(); // five minutes are over
//!     }
//!     let (candidate, stable) = (Tally::of(5, 50)?, Tally::of(22, 450)?);
//!     errors.update(candidate, stable);
//! }
//! assert!(errors.rejects(Alpha::ROLLBACK.part(1.0, 4.0)?)); // one of four axes
//! # Ok::<(), InvalidParameter>(())
//! ```
//!
//! Nothing here reads a clock, draws a random number or does IO. All state is counts and
//! logarithms, can be persisted with serde and restored, and survives 10^9 counts.

mod alpha;
mod clustering;
mod coin;
mod cusum;
mod error;
mod graded_coin;
pub mod interval;
mod margin;
mod mean;
pub mod plan;
mod process;
pub mod promotion;
mod risk_difference;
mod share;
pub mod special;
mod split_health;
mod tally;

pub use alpha::Alpha;
pub use clustering::{ClusterSums, DesignEffect};
pub use coin::{Coin, CoinCusum, CoinTest};
pub use cusum::Cusum;
pub use error::InvalidParameter;
pub use graded_coin::GradedCoinTest;
pub use margin::{Margin, MarginCusum, MarginTest};
pub use mean::{Mean, MeanCusum, MeanTest};
pub use process::{Accumulator, EProcess};
pub use share::{Claim, Share, ShareCusum, ShareTest};
pub use split_health::SplitHealth;
pub use tally::Tally;
