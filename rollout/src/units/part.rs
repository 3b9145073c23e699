//! Parts of the traffic, by which a difference between the arms may be explained.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a part of the traffic has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The cohort of the tenant.
    Cohort,
    /// The model that answered.
    Model,
    /// A tool that was used.
    Tool,
    /// The language that the client prefers.
    Language,
    /// Whether the answer is a stream.
    Streaming,
}

impl Dimension {
    /// Every dimension; the position is its place in [`Parts`].
    pub const ALL: [Self; 5] =
        [Self::Cohort, Self::Model, Self::Tool, Self::Language, Self::Streaming];

    /// The word used for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cohort => "cohort",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Language => "language",
            Self::Streaming => "streaming",
        }
    }

    /// A failed request often says nothing of these: then its conversation's last one counts.
    const fn is_of_the_answer(self) -> bool {
        matches!(self, Self::Model | Self::Tool | Self::Streaming)
    }
}

/// The parts of the traffic that a request belongs to: one of each dimension, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts([Option<Arc<str>>; Dimension::ALL.len()]);

impl Parts {
    /// Sets the part of a dimension.
    pub fn set(&mut self, dimension: Dimension, name: Option<Arc<str>>) {
        self.0[dimension as usize] = name;
    }

    /// The part of a dimension.
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> Option<&Arc<str>> {
        self.0[dimension as usize].as_ref()
    }

    /// Takes over what a newer request says. What an answer did not say stays.
    pub(super) fn follow(&mut self, newer: &Self) {
        for dimension in Dimension::ALL {
            let of = &newer.0[dimension as usize];
            if of.is_some() || !dimension.is_of_the_answer() {
                self.0[dimension as usize].clone_from(of);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Dimension, &Arc<str>)> {
        Dimension::ALL.into_iter().zip(&self.0).filter_map(|(of, name)| Some((of, name.as_ref()?)))
    }
}
