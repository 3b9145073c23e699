//! Tokens as the protocols report them, brought to one meaning.

use stagegate_rollout::TokenKind;

/// A count above this is garbage, not a token count: a sum of a million such still fits.
const MAX_COUNT: u64 = 1 << 40;

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
}

/// A number in a usage object. Names are the protocols' own, from their SDKs' types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// `prompt_tokens` (OpenAI chat), `promptTokenCount` (Gemini): cached input included.
    Prompt,
    /// `input_tokens`: cached input included (Responses) or not (Anthropic); the details tell.
    Input,
    /// `inputTokens` (Bedrock): cached input not included.
    InputAlone,
    /// `cached_tokens` in details, `cachedContentTokenCount`: a part of the prompt.
    CachedPart,
    /// `cache_read_input_tokens`, `cacheReadInputTokens`.
    CacheRead,
    /// `cache_write_tokens` in details: a part of the prompt.
    WrittenPart,
    /// `cache_creation_input_tokens`, `cacheWriteInputTokens`.
    CacheWrite,
    /// `toolUsePromptTokenCount` (Gemini): beside the prompt.
    ToolPrompt,
    /// `completion_tokens`, `output_tokens`, `outputTokens`, `candidatesTokenCount`.
    Output,
    /// `reasoning_tokens` in details: a part of the output.
    ReasoningPart,
    /// `thoughtsTokenCount` (Gemini): beside the output.
    Thoughts,
}

const COUNTS: usize = Count::Thoughts as usize + 1;

/// The numbers of one usage object, or of several that complete each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    numbers: [u64; COUNTS],
    present: u16,
}

impl Counts {
    pub(crate) const fn clear(&mut self) {
        self.present = 0;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.present == 0
    }

    pub(crate) const fn has(&self, count: Count) -> bool {
        self.present & (1 << count as u16) != 0
    }

    pub(crate) const fn set(&mut self, count: Count, number: u64) {
        if number <= MAX_COUNT {
            self.numbers[count as usize] = number;
            self.present |= 1 << count as u16;
        }
    }

    /// Takes over what a later usage says; what it leaves out stays.
    pub(crate) const fn update(&mut self, later: &Self) {
        let mut at = 0;
        while at < COUNTS {
            if later.present & (1 << at) != 0 {
                self.numbers[at] = later.numbers[at];
            }
            at += 1;
        }
        self.present |= later.present;
    }

    const fn get(&self, count: Count) -> u64 {
        if self.has(count) { self.numbers[count as usize] } else { 0 }
    }

    /// The counts in one meaning. Parts that exceed their whole are cut to it.
    pub(crate) fn usage(&self) -> Usage {
        let get = |count| self.get(count);
        let (read_part, written_part) = (get(Count::CachedPart), get(Count::WrittenPart));
        let (mut cache_read, mut cache_write) = (get(Count::CacheRead), get(Count::CacheWrite));
        let in_parts = self.has(Count::CachedPart) || self.has(Count::WrittenPart);
        let input = if self.has(Count::Prompt) || (self.has(Count::Input) && in_parts) {
            // Gateways that speak both tongues give the same figure under both names.
            cache_read = cache_read.max(read_part);
            cache_write = cache_write.max(written_part);
            let whole =
                if self.has(Count::Prompt) { get(Count::Prompt) } else { get(Count::Input) };
            cache_read = cache_read.min(whole);
            cache_write = cache_write.min(whole - cache_read);
            whole - cache_read - cache_write + get(Count::ToolPrompt)
        } else {
            get(Count::Input) + get(Count::InputAlone)
        };
        let output = get(Count::Output) + get(Count::Thoughts);
        let reasoning = (get(Count::ReasoningPart) + get(Count::Thoughts)).min(output);
        Usage { input, cache_read, cache_write, output, reasoning }
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Counts, Usage};

    fn usage(counts: &[(Count, u64)]) -> Usage {
        let mut all = Counts::default();
        counts.iter().for_each(|(count, number)| all.set(*count, *number));
        all.usage()
    }

    #[test]
    fn openai_prompts_include_what_was_cached() {
        let seen = usage(&[(Count::Prompt, 100), (Count::CachedPart, 60), (Count::Output, 9)]);
        assert_eq!(seen, Usage { input: 40, cache_read: 60, output: 9, ..Usage::default() });
        let seen = usage(&[(Count::Input, 100), (Count::CachedPart, 0), (Count::Output, 9)]);
        assert_eq!((seen.input, seen.total()), (100, 109));
    }

    #[test]
    fn anthropic_input_excludes_what_was_cached() {
        let seen = usage(&[
            (Count::Input, 10),
            (Count::CacheRead, 60),
            (Count::CacheWrite, 30),
            (Count::Output, 9),
        ]);
        assert_eq!((seen.input, seen.cache_read, seen.cache_write), (10, 60, 30));
        assert_eq!(seen.total_input(), 100);
    }

    #[test]
    fn gemini_output_is_candidates_and_thoughts() {
        let seen = usage(&[
            (Count::Prompt, 50),
            (Count::CachedPart, 20),
            (Count::ToolPrompt, 5),
            (Count::Output, 7),
            (Count::Thoughts, 11),
        ]);
        assert_eq!(
            seen,
            Usage { input: 35, cache_read: 20, cache_write: 0, output: 18, reasoning: 11 }
        );
    }

    #[test]
    fn impossible_parts_are_cut_to_their_whole_and_absurd_counts_ignored() {
        let seen = usage(&[(Count::Prompt, 5), (Count::CachedPart, 9), (Count::WrittenPart, 9)]);
        assert_eq!((seen.input, seen.cache_read, seen.cache_write), (0, 5, 0));
        assert_eq!(usage(&[(Count::Output, u64::MAX)]), Usage::default());
    }
}
