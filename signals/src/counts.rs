//! The numbers of usage objects as the protocols name them, and their one meaning.

use crate::usage::{Part, Parts, Usage};

/// A count above this is garbage, not a token count: a sum of a million such still fits.
const MAX_COUNT: u64 = 1 << 40;

/// A number in a usage object. Names are the protocols' own, from their SDKs' types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// `prompt_tokens` (OpenAI chat), `promptTokenCount` (Gemini): cached input included.
    Prompt,
    /// `input_tokens`: cached input included (Responses) or not (Anthropic); the details tell.
    Input,
    /// `inputTokens` (Bedrock): cached input not included.
    InputAlone,
    /// `cached_tokens` in details, `cachedContentTokenCount`: a part of the prompt, but for backends whose total says
    /// otherwise.
    CachedPart,
    /// `cache_read_input_tokens`, `cacheReadInputTokens`.
    CacheRead,
    /// `cache_write_tokens` in details: a part of the prompt.
    WrittenPart,
    /// `cache_creation_input_tokens`, `cacheWriteInputTokens`.
    CacheWrite,
    /// Of the cache writes, those that live five minutes.
    Written5m,
    /// Of the cache writes, those that live an hour.
    Written1h,
    /// `toolUsePromptTokenCount` (Gemini): beside the prompt.
    ToolPrompt,
    /// `completion_tokens`, `output_tokens`, `outputTokens`, `candidatesTokenCount`.
    Output,
    /// `reasoning_tokens` in details: a part of the output, or beside it; the total tells.
    ReasoningPart,
    /// `thoughtsTokenCount` (Gemini): beside the output.
    Thoughts,
    /// `reasoning_tokens` of the usage itself (Perplexity, old xAI).
    ReasoningAlone,
    /// `citation_tokens` (Perplexity): beside the output.
    Citation,
    /// `total_tokens`, `totalTokens`, `totalTokenCount`.
    Total,
    /// Audio in the input.
    AudioIn,
    /// Images in the input.
    ImageIn,
    /// Video in the input.
    VideoIn,
    /// Audio in the cached input.
    AudioCached,
    /// Images in the cached input.
    ImageCached,
    /// Video in the cached input.
    VideoCached,
    /// Audio in the output.
    AudioOut,
    /// Images in the output.
    ImageOut,
    /// Video in the output.
    VideoOut,
    /// Web searches.
    WebSearches,
    /// Searches in stored files.
    FileSearches,
    /// Searches in social networks.
    SocialSearches,
    /// Runs of a code interpreter.
    CodeRuns,
}

const COUNTS: usize = Count::CodeRuns as usize + 1;
/// The counts that come from the output of a response and not from its usage.
const CALLS: u32 = 1 << Count::WebSearches as u32
    | 1 << Count::FileSearches as u32
    | 1 << Count::SocialSearches as u32
    | 1 << Count::CodeRuns as u32;

/// The numbers of one usage object, or of several that complete each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    numbers: [u64; COUNTS],
    present: u32,
}

impl Counts {
    pub(crate) const fn clear(&mut self) {
        self.present = 0;
    }

    /// Returns true if there is no number, apart from tool calls.
    pub(crate) const fn is_empty(&self) -> bool {
        self.present & !CALLS == 0
    }

    pub(crate) const fn has(&self, count: Count) -> bool {
        self.present & (1 << count as u32) != 0
    }

    /// Returns true if both have a prompt, and another one.
    pub(crate) const fn has_another_prompt(&self, other: &Self) -> bool {
        self.has(Count::Prompt)
            && other.has(Count::Prompt)
            && self.get(Count::Prompt) != other.get(Count::Prompt)
    }

    /// Returns true if input, output and their total are there.
    pub(crate) const fn is_whole(&self) -> bool {
        self.has(Count::Prompt) && self.has(Count::Output) && self.has(Count::Total)
    }

    pub(crate) const fn set(&mut self, count: Count, number: u64) {
        if number <= MAX_COUNT {
            self.numbers[count as usize] = number;
            self.present |= 1 << count as u32;
        }
    }

    pub(crate) const fn add(&mut self, count: Count, number: u64) {
        self.set(count, self.get(count).saturating_add(number));
    }

    /// Takes over what a later usage says; what it leaves out stays. Counts of one response only grow, so a zero after
    /// a number says nothing: some backends fill in what they do not know.
    pub(crate) const fn update(&mut self, later: &Self) {
        let mut left = later.present;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            if later.numbers[at] > 0 || self.present & (1 << at) == 0 {
                self.numbers[at] = later.numbers[at];
            }
            left &= left - 1;
        }
        self.present |= later.present;
    }

    const fn get(&self, count: Count) -> u64 {
        if self.has(count) { self.numbers[count as usize] } else { 0 }
    }

    /// The counts in one meaning. Parts that exceed their whole are cut to it.
    pub(crate) fn usage(&self) -> Usage {
        let (input, cache_read, cache_write) = self.input();
        let (output, reasoning) = self.output(input + cache_read + cache_write);
        let mut usage =
            Usage { input, cache_read, cache_write, output, reasoning, parts: Parts::NONE };
        usage.parts = self.parts(&usage);
        usage
    }

    /// Plain input, input from a cache, and input written to one.
    fn input(&self) -> (u64, u64, u64) {
        let get = |count| self.get(count);
        let cache_read = get(Count::CacheRead);
        let cache_write = get(Count::CacheWrite).max(get(Count::Written5m) + get(Count::Written1h));
        let in_parts = self.has(Count::CachedPart) || self.has(Count::WrittenPart);
        let is_input = self.has(Count::Input) || self.has(Count::InputAlone);
        let includes_cached = self.has(Count::Prompt) || (is_input && in_parts);
        if !includes_cached {
            let input = get(Count::Input) + get(Count::InputAlone);
            return (
                if self.is_total_alone() { get(Count::Total) } else { input },
                cache_read,
                cache_write,
            );
        }
        // Gateways that speak both tongues give the same figure under both names.
        let cache_read = cache_read.max(get(Count::CachedPart));
        let cache_write = cache_write.max(get(Count::WrittenPart));
        let whole = if self.has(Count::Prompt) {
            get(Count::Prompt)
        } else {
            get(Count::Input) + get(Count::InputAlone)
        };
        if self.is_cache_beside(whole, cache_read + cache_write) {
            return (whole + get(Count::ToolPrompt), cache_read, cache_write);
        }
        let cache_read = cache_read.min(whole);
        let cache_write = cache_write.min(whole - cache_read);
        (whole - cache_read - cache_write + get(Count::ToolPrompt), cache_read, cache_write)
    }

    /// Returns true if a backend counts the cached input beside the prompt: only then does the total
    /// agree. Vertex did so for a time, and gateways in front of Anthropic do.
    fn is_cache_beside(&self, prompt: u64, cached: u64) -> bool {
        let get = |count| self.get(count);
        let rest = prompt + get(Count::Output) + get(Count::ToolPrompt) + get(Count::Thoughts);
        // Reasoning beside the output explains the total as well.
        let reasoning = get(Count::ReasoningPart).max(get(Count::ReasoningAlone));
        cached > 0 && cached != reasoning && get(Count::Total) == rest + cached
    }

    /// Returns true if there is nothing but a total: services of embeddings and rankings say no more, and all
    /// that they read is input.
    const fn is_total_alone(&self) -> bool {
        let besides =
            [Count::InputAlone, Count::Input, Count::Output, Count::CacheRead, Count::CacheWrite];
        let mut at = 0;
        while at < besides.len() {
            if self.has(besides[at]) {
                return false;
            }
            at += 1;
        }
        self.has(Count::Total)
    }

    /// Output and the reasoning in it. Where the protocol leaves open whether reasoning stands
    /// inside the output or beside it, the total tells: it is what is billed.
    fn output(&self, input: u64) -> (u64, u64) {
        let get = |count| self.get(count);
        let (told, thoughts) = (get(Count::Output), get(Count::Thoughts));
        let billed = get(Count::Total).saturating_sub(input);
        if self.has(Count::Thoughts) {
            // Some say the thoughts inside the candidates too.
            let inside = thoughts > 0 && thoughts <= told && billed == told;
            let output = if inside { told } else { told + thoughts };
            return (output.max(self.billed(billed)), thoughts);
        }
        if self.has(Count::Citation) {
            let reasoning = get(Count::ReasoningAlone).max(get(Count::ReasoningPart));
            return (told + reasoning + get(Count::Citation), reasoning);
        }
        let reasoning = get(Count::ReasoningPart).max(get(Count::ReasoningAlone));
        let output = told.max(self.billed(billed));
        // More reasoning than output can only stand beside it.
        let output = if reasoning > output { output + reasoning } else { output };
        (output, reasoning)
    }

    /// The billed output by the total, where the protocol's total is one of input and output.
    fn billed(&self, output: u64) -> u64 {
        if self.has(Count::Prompt) || self.has(Count::Input) { output } else { 0 }
    }

    fn parts(&self, usage: &Usage) -> Parts {
        let get = |count| self.get(count);
        let mut parts = Parts::NONE;
        let mut of = |whole: u64, wanted: &[(Part, u64)]| {
            let mut left = whole;
            for (part, count) in wanted {
                let count = (*count).min(left);
                left -= count;
                parts = parts.with(*part, count);
            }
        };
        of(
            usage.cache_write,
            &[
                (Part::CacheWrite1h, get(Count::Written1h)),
                (Part::CacheWrite5m, get(Count::Written5m)),
            ],
        );
        of(
            usage.cache_read,
            &[
                (Part::AudioRead, get(Count::AudioCached)),
                (Part::ImageRead, get(Count::ImageCached)),
                (Part::VideoRead, get(Count::VideoCached)),
            ],
        );
        let uncached = |whole, cached| get(whole).saturating_sub(get(cached));
        of(
            usage.input,
            &[
                (Part::AudioInput, uncached(Count::AudioIn, Count::AudioCached)),
                (Part::ImageInput, uncached(Count::ImageIn, Count::ImageCached)),
                (Part::VideoInput, uncached(Count::VideoIn, Count::VideoCached)),
            ],
        );
        of(
            usage.output - usage.reasoning.min(usage.output),
            &[
                (Part::Citation, get(Count::Citation)),
                (Part::AudioOutput, get(Count::AudioOut)),
                (Part::ImageOutput, get(Count::ImageOut)),
                (Part::VideoOutput, get(Count::VideoOut)),
            ],
        );
        parts
            .with(Part::WebSearches, get(Count::WebSearches))
            .with(Part::FileSearches, get(Count::FileSearches))
            .with(Part::SocialSearches, get(Count::SocialSearches))
            .with(Part::CodeRuns, get(Count::CodeRuns))
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Counts};
    use crate::usage::{Part, Usage};

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
            Usage { input: 35, cache_read: 20, output: 18, reasoning: 11, ..Usage::default() }
        );
    }

    #[test]
    fn the_total_tells_where_reasoning_stands() {
        let chat = |output, reasoning, total| {
            let mut counts = vec![
                (Count::Prompt, 32),
                (Count::CachedPart, 6),
                (Count::Output, output),
                (Count::ReasoningPart, reasoning),
            ];
            counts.extend((total > 0).then_some((Count::Total, total)));
            let seen = usage(&counts);
            (seen.total_input(), seen.output, seen.reasoning)
        };
        for (output, reasoning, total, expected) in [
            (9, 94, 135, (32, 103, 94)),
            (103, 94, 135, (32, 103, 94)),
            // Without a total, reasoning that exceeds the output stands beside it.
            (9, 94, 0, (32, 103, 94)),
            (103, 94, 0, (32, 103, 94)),
            // Thoughts that only the total shows are billed too.
            (9, 0, 135, (32, 103, 0)),
            // A total that is too small is none.
            (9, 0, 9, (32, 9, 0)),
        ] {
            assert_eq!(chat(output, reasoning, total), expected, "{output} {reasoning} {total}");
        }
        let gemini = |output, thoughts, total| {
            let seen = usage(&[
                (Count::Prompt, 50),
                (Count::Output, output),
                (Count::Thoughts, thoughts),
                (Count::Total, total),
            ]);
            (seen.output, seen.reasoning)
        };
        assert_eq!(gemini(7, 11, 68), (18, 11));
        assert_eq!(gemini(18, 11, 68), (18, 11), "thoughts inside the candidates");
    }

    #[test]
    fn a_gateway_that_counts_the_cache_beside_the_prompt_is_believed_by_its_total() {
        let seen = usage(&[
            (Count::Prompt, 10),
            (Count::CacheRead, 60),
            (Count::CacheWrite, 30),
            (Count::Output, 9),
            (Count::Total, 109),
        ]);
        assert_eq!((seen.input, seen.cache_read, seen.cache_write, seen.output), (10, 60, 30, 9));
    }

    #[test]
    fn a_cache_beside_the_prompt_is_no_output_where_the_details_name_it() {
        let gemini = usage(&[
            (Count::Prompt, 100),
            (Count::CachedPart, 5000),
            (Count::ToolPrompt, 4),
            (Count::Output, 50),
            (Count::Thoughts, 7),
            (Count::Total, 5161),
        ]);
        assert_eq!((gemini.input, gemini.cache_read, gemini.output), (104, 5000, 57));
        let chat = usage(&[
            (Count::Prompt, 10),
            (Count::CachedPart, 60),
            (Count::Output, 9),
            (Count::Total, 79),
        ]);
        assert_eq!((chat.input, chat.cache_read, chat.output), (10, 60, 9));
    }

    #[test]
    fn a_total_alone_is_input() {
        let seen = usage(&[(Count::Total, 8)]);
        assert_eq!((seen.input, seen.output), (8, 0));
    }

    #[test]
    fn a_zero_after_a_number_says_nothing() {
        let mut counts = Counts::default();
        counts.set(Count::Input, 25);
        let mut later = Counts::default();
        later.set(Count::Input, 0);
        later.set(Count::CacheRead, 0);
        later.set(Count::Output, 15);
        counts.update(&later);
        let seen = counts.usage();
        assert_eq!((seen.input, seen.cache_read, seen.output), (25, 0, 15));
    }

    #[test]
    fn perplexity_counts_reasoning_and_citations_beside() {
        let seen = usage(&[
            (Count::Prompt, 19),
            (Count::Output, 498),
            (Count::Total, 517),
            (Count::Citation, 10_175),
            (Count::ReasoningAlone, 73_997),
            (Count::WebSearches, 48),
        ]);
        assert_eq!((seen.output, seen.reasoning), (498 + 10_175 + 73_997, 73_997));
        assert_eq!((seen.part(Part::Citation), seen.part(Part::WebSearches)), (10_175, 48));
    }

    #[test]
    fn parts_stay_inside_their_whole() {
        let seen = usage(&[
            (Count::Prompt, 100),
            (Count::CachedPart, 40),
            (Count::AudioIn, 90),
            (Count::AudioCached, 30),
            (Count::Output, 10),
            (Count::ReasoningPart, 4),
            (Count::AudioOut, 50),
        ]);
        let part = |part| seen.part(part);
        assert_eq!((part(Part::AudioInput), part(Part::AudioRead)), (60, 30));
        assert_eq!((part(Part::Reasoning), part(Part::AudioOutput)), (4, 6));
        let written = usage(&[(Count::Input, 1), (Count::Written5m, 3), (Count::Written1h, 5)]);
        assert_eq!(written.cache_write, 8, "without a sum of its own");
    }

    #[test]
    fn impossible_parts_are_cut_to_their_whole_and_absurd_counts_ignored() {
        let seen = usage(&[(Count::Prompt, 5), (Count::CachedPart, 9), (Count::WrittenPart, 9)]);
        assert_eq!((seen.input, seen.cache_read, seen.cache_write), (0, 5, 0));
        assert_eq!(usage(&[(Count::Output, u64::MAX)]), Usage::default());
    }
}
