//! Tokens and tool calls of one answer, in one meaning for all protocols.

use stagegate_rollout::TokenKind;

/// Tokens of one answer. The three kinds of input are disjoint; reasoning is a part of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that neither came from a prompt cache nor went into one.
    pub input: u64,
    /// Input read from a prompt cache.
    pub cache_read: u64,
    /// Input written to a prompt cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of the output that was reasoning.
    pub reasoning: u64,
    /// Parts of these that may have a price of their own.
    pub parts: Parts,
}

impl Usage {
    /// All input, cached or not.
    #[must_use]
    pub const fn total_input(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }

    /// Everything that was read or written, each token once.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total_input() + self.output
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut parts = self.parts;
        parts.0.iter_mut().zip(other.parts.0).for_each(|(sum, more)| *sum += more);
        Self {
            input: self.input + other.input,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
            parts,
        }
    }

    /// The counts by [`TokenKind::index`].
    #[must_use]
    pub const fn by_kind(&self) -> [u64; TokenKind::ALL.len()] {
        let mut counts = [0; TokenKind::ALL.len()];
        counts[TokenKind::Input.index()] = self.input;
        counts[TokenKind::CacheRead.index()] = self.cache_read;
        counts[TokenKind::CacheWrite.index()] = self.cache_write;
        counts[TokenKind::Output.index()] = self.output;
        counts[TokenKind::Reasoning.index()] = self.reasoning;
        counts
    }

    /// Tokens or calls of a part.
    #[must_use]
    pub const fn part(&self, part: Part) -> u64 {
        match part {
            Part::Reasoning => self.reasoning,
            other => self.parts.0[other as usize],
        }
    }

    /// The parts that are not empty, as a set of bits by [`Part`].
    #[must_use]
    pub fn parts_used(&self) -> u32 {
        let used = |part: &Part| self.part(*part) > 0;
        Part::ALL.into_iter().filter(used).map(|part| 1 << part as u32).sum()
    }
}

/// Number of tokens or calls of each [`Part`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts([u64; Part::ALL.len()]);

impl Parts {
    /// No parts.
    pub const NONE: Self = Self([0; Part::ALL.len()]);

    /// These parts and one more.
    #[must_use]
    pub const fn with(mut self, part: Part, count: u64) -> Self {
        self.0[part as usize] = count;
        self
    }
}

/// The whole that a part belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Input that is not cached.
    Input,
    /// Input read from a cache.
    CacheRead,
    /// Input written to a cache.
    CacheWrite,
    /// Output.
    Output,
    /// Calls of the provider's own tools: no tokens.
    Calls,
}

/// A part of an answer's usage that a price list may price by itself. Parts do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Cache writes that live five minutes.
    CacheWrite5m,
    /// Cache writes that live an hour.
    CacheWrite1h,
    /// Uncached audio input.
    AudioInput,
    /// Uncached image input.
    ImageInput,
    /// Uncached video input.
    VideoInput,
    /// Audio input from a cache.
    AudioRead,
    /// Image input from a cache.
    ImageRead,
    /// Video input from a cache.
    VideoRead,
    /// Reasoning.
    Reasoning,
    /// Citations.
    Citation,
    /// Audio output.
    AudioOutput,
    /// Image output.
    ImageOutput,
    /// Video output.
    VideoOutput,
    /// Web searches.
    WebSearches,
    /// Searches in stored files.
    FileSearches,
    /// Searches in social networks.
    SocialSearches,
    /// Runs of a code interpreter.
    CodeRuns,
}

impl Part {
    /// Every part, in the order of its number.
    pub const ALL: [Self; 17] = [
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::AudioInput,
        Self::ImageInput,
        Self::VideoInput,
        Self::AudioRead,
        Self::ImageRead,
        Self::VideoRead,
        Self::Reasoning,
        Self::Citation,
        Self::AudioOutput,
        Self::ImageOutput,
        Self::VideoOutput,
        Self::WebSearches,
        Self::FileSearches,
        Self::SocialSearches,
        Self::CodeRuns,
    ];

    /// The whole that it belongs to.
    #[must_use]
    pub const fn whole(self) -> Whole {
        match self {
            Self::CacheWrite5m | Self::CacheWrite1h => Whole::CacheWrite,
            Self::AudioInput | Self::ImageInput | Self::VideoInput => Whole::Input,
            Self::AudioRead | Self::ImageRead | Self::VideoRead => Whole::CacheRead,
            Self::Reasoning
            | Self::Citation
            | Self::AudioOutput
            | Self::ImageOutput
            | Self::VideoOutput => Whole::Output,
            Self::WebSearches | Self::FileSearches | Self::SocialSearches | Self::CodeRuns => {
                Whole::Calls
            }
        }
    }

    /// Its name in explanations.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::CacheWrite5m => "cache write, 5 minutes",
            Self::CacheWrite1h => "cache write, 1 hour",
            Self::AudioInput => "audio input",
            Self::ImageInput => "image input",
            Self::VideoInput => "video input",
            Self::AudioRead => "cache read, audio",
            Self::ImageRead => "cache read, image",
            Self::VideoRead => "cache read, video",
            Self::Reasoning => "reasoning",
            Self::Citation => "citations",
            Self::AudioOutput => "audio output",
            Self::ImageOutput => "image output",
            Self::VideoOutput => "video output",
            Self::WebSearches => "web searches",
            Self::FileSearches => "file searches",
            Self::SocialSearches => "social searches",
            Self::CodeRuns => "code runs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Parts, Usage};

    #[test]
    fn parts_are_numbered_in_their_order_and_told_by_bits() {
        for (at, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(part as usize, at);
        }
        let parts = Parts::NONE.with(Part::WebSearches, 2);
        let usage = Usage { reasoning: 3, parts, ..Usage::default() };
        assert_eq!((usage.part(Part::Reasoning), usage.part(Part::WebSearches)), (3, 2));
        let bits = 1 << Part::Reasoning as u32 | 1 << Part::WebSearches as u32;
        assert_eq!(usage.parts_used(), bits);
    }
}
