//! Names of models as providers, clouds and gateways write them, brought to those of price lists.
//!
//! The same model comes as `gpt-4o`, `openai/gpt-4o`, `models/gemini-2.5-pro`,
//! `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-sonnet-4-5@20250929` or as an ARN. The name
//! is tried as it came first, and shortened only where no list has it.

use crate::protocol::Protocol;
use std::borrow::Cow;

/// A name to look up, and the provider whose list it is looked up in; none for the provider that the
/// name itself shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate<'a> {
    pub(crate) provider: Option<&'static str>,
    pub(crate) name: Cow<'a, str>,
}

/// First parts of Bedrock's names of inference profiles.
const REGIONS: [&str; 14] =
    ["us", "eu", "apac", "ap", "jp", "au", "ca", "sa", "me", "af", "il", "mx", "global", "us-gov"];
/// First parts of Bedrock's names of models.
const VENDORS: [&str; 19] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "zai",
];

/// Returns the names to look up for a model, the best first.
pub(crate) fn candidates(protocol: Protocol, model: &str) -> Vec<Candidate<'_>> {
    let mut all = Vec::new();
    let mut put = |provider, name: Cow<'_, str>| {
        let candidate = Candidate { provider, name: Cow::Owned(name.into_owned()) };
        if !all.contains(&candidate) {
            all.push(candidate);
        }
    };
    let model = model.trim();
    if model.starts_with("accounts/") {
        put(Some("fireworks"), Cow::Borrowed(model));
    }
    let bare = without_resource(model);
    for name in [Cow::Borrowed(bare)].into_iter().chain(shorter(bare)) {
        of_name(protocol, &name, &mut put);
    }
    all
}

/// The lists that may have a name.
fn of_name(
    protocol: Protocol,
    name: &str,
    put: &mut impl FnMut(Option<&'static str>, Cow<'_, str>),
) {
    let (first, last) = protocol.providers();
    let mut rest = Some(name);
    while let Some(name) = rest {
        if of_bedrock(name).is_some() {
            put(Some("aws"), Cow::Borrowed(name));
        }
        let prefixed = name.split_once('/');
        if prefixed.is_some() {
            // A gateway's names begin with the provider: `anthropic/claude-…`.
            put(Some("litellm"), Cow::Borrowed(name));
        }
        if name.starts_with("ft:") {
            put(Some("openai"), Cow::Borrowed(name));
        }
        if let Some(first) = first {
            put(Some(first), Cow::Borrowed(name));
        }
        put(None, Cow::Borrowed(name));
        if prefixed.is_some() {
            put(Some("openrouter"), Cow::Borrowed(name));
        }
        if let Some(only) = only_provider(name) {
            put(Some(only), Cow::Borrowed(name));
        }
        if let Some(last) = last {
            put(Some(last), Cow::Borrowed(name));
        }
        rest = prefixed.map(|(_, rest)| rest);
    }
}

/// The only provider that names its models so, where nothing else in the name says it.
fn only_provider(name: &str) -> Option<&'static str> {
    const BEGINNINGS: [(&str, &str); 9] = [
        ("sonar", "perplexity"),
        ("text-embedding-3", "openai"),
        ("text-embedding-ada", "openai"),
        ("omni-moderation", "openai"),
        ("computer-use", "openai"),
        ("embed-v", "cohere"),
        ("mistral-embed", "mistral"),
        ("glm-", "zai"),
        ("meta-llama/", "together"),
    ];
    let begins = |(beginning, provider): (&str, &'static str)| {
        name.starts_with(beginning).then_some(provider)
    };
    let ends = name.ends_with("-versatile") || name.ends_with("-instant");
    BEGINNINGS.into_iter().find_map(begins).or(ends.then_some("groq"))
}

/// The name at the end of an ARN or of a resource name.
fn without_resource(model: &str) -> &str {
    if model.starts_with("arn:") {
        return model.rsplit(['/', ':']).find(|part| part.len() > 2).map_or(model, |last| {
            // The version after the last colon belongs to the name.
            model.rfind('/').map_or(last, |at| &model[at + 1..])
        });
    }
    if let Some(name) = model.strip_prefix("models/") {
        return name;
    }
    model.rsplit_once("/models/").map_or(model, |(_, name)| name)
}

/// Bedrock's name of a model without its region; none for other names.
fn of_bedrock(name: &str) -> Option<&str> {
    let (first, rest) = name.split_once('.')?;
    let name = if REGIONS.contains(&first) { rest } else { name };
    let (vendor, _) = name.split_once('.')?;
    VENDORS.contains(&vendor).then_some(name)
}

/// Shorter forms of a name that no list has, the longest first.
fn shorter(name: &str) -> Vec<Cow<'_, str>> {
    let mut forms: Vec<Cow<'_, str>> = Vec::new();
    let mut current = name;
    if let Some(of_no_region) = of_bedrock(current) {
        forms.push(Cow::Borrowed(of_no_region));
        current = of_no_region.split_once('.').map_or(of_no_region, |(_, model)| model);
        forms.push(Cow::Borrowed(current));
    }
    if let Some((model, version)) = current.rsplit_once('@') {
        forms.push(Cow::Owned(format!("{model}-{version}")));
        current = model;
        forms.push(Cow::Borrowed(current));
    }
    for strip in [
        without_variant,
        without_revision,
        without_version,
        without_latest,
        without_date,
        without_build,
    ] {
        if let Some(shorter) = strip(current) {
            current = shorter;
            forms.push(Cow::Borrowed(current));
        }
    }
    // Azure's names have no points.
    if let Some(rest) = current.strip_prefix("gpt-35") {
        forms.push(Cow::Owned(format!("gpt-3.5{rest}")));
    }
    forms
}

/// OpenRouter's way to a model, which has the model's price: `…:nitro`.
fn without_variant(name: &str) -> Option<&str> {
    let (model, variant) = name.rsplit_once(':')?;
    ["nitro", "floor", "online", "exacto", "thinking", "extended"]
        .contains(&variant)
        .then_some(model)
}

/// `…-v1:0` without its revision.
fn without_revision(name: &str) -> Option<&str> {
    let (model, revision) = name.rsplit_once(':')?;
    is_digits(revision).then_some(model)
}

/// `…-v1` without its version.
fn without_version(name: &str) -> Option<&str> {
    let (model, version) = name.rsplit_once('-')?;
    is_digits(version.strip_prefix('v')?).then_some(model)
}

fn without_latest(name: &str) -> Option<&str> {
    name.strip_suffix("-latest").or_else(|| name.strip_suffix("-default"))
}

/// `…-20250929` or `…-2025-09-29` without its date.
fn without_date(name: &str) -> Option<&str> {
    let (model, date) = name.rsplit_once('-')?;
    if date.len() == 8 && is_digits(date) && date.starts_with("20") {
        return Some(model);
    }
    let is_date = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() == 11
            && bytes.iter().enumerate().all(|(at, b)| match at {
                0 | 5 | 8 => *b == b'-',
                _ => b.is_ascii_digit(),
            })
    };
    let at = name.len().checked_sub(11)?;
    is_date(name.get(at..)?).then(|| &name[..at])
}

/// Google's `gemini-…-001` without its build.
fn without_build(name: &str) -> Option<&str> {
    let (model, build) = name.rsplit_once('-')?;
    (name.starts_with("gemini-") && build.len() == 3 && is_digits(build)).then_some(model)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::candidates;
    use crate::protocol::Protocol;

    fn names(protocol: Protocol, model: &str) -> Vec<(Option<&'static str>, String)> {
        candidates(protocol, model)
            .into_iter()
            .map(|it| (it.provider, it.name.into_owned()))
            .collect()
    }

    #[test]
    fn a_name_is_tried_as_it_came_first_and_shortened_last() {
        let seen = names(Protocol::OpenAiChat, "gpt-4o-2024-05-13");
        let expected = [
            (None, "gpt-4o-2024-05-13"),
            (Some("openai"), "gpt-4o-2024-05-13"),
            (None, "gpt-4o"),
            (Some("openai"), "gpt-4o"),
        ];
        assert_eq!(seen, expected.map(|(provider, name)| (provider, name.to_owned())));
    }

    #[test]
    fn the_first_candidate_knows_clouds_and_gateways() {
        let profile = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{profile}");
        for (model, first) in [
            (profile, (Some("aws"), profile)),
            (&*arn, (Some("aws"), profile)),
            ("models/gemini-2.5-flash", (None, "gemini-2.5-flash")),
            (
                "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
                (None, "gemini-2.5-pro"),
            ),
            ("anthropic/claude-sonnet-4.5", (Some("litellm"), "anthropic/claude-sonnet-4.5")),
            ("gpt-4.1", (None, "gpt-4.1")),
        ] {
            let seen = names(Protocol::OpenAiChat, model);
            assert_eq!(seen.first(), Some(&(first.0, first.1.to_owned())), "{model}");
        }
    }

    #[test]
    fn some_names_are_those_of_one_provider_alone() {
        for (model, provider, name) in [
            ("llama-3.3-70b-versatile", Some("groq"), "llama-3.3-70b-versatile"),
            ("llama-3.1-8b-instant", Some("groq"), "llama-3.1-8b-instant"),
            ("sonar-pro", Some("perplexity"), "sonar-pro"),
            ("text-embedding-3-small", Some("openai"), "text-embedding-3-small"),
            ("glm-4.6", Some("zai"), "glm-4.6"),
            ("openai/gpt-4o:online", None, "gpt-4o"),
            ("gemini-2.5-flash-001", None, "gemini-2.5-flash"),
        ] {
            let seen = names(Protocol::OpenAiChat, model);
            assert!(seen.contains(&(provider, name.to_owned())), "{model}: {seen:?}");
        }
        let seen = names(Protocol::Auto, "house-001");
        assert_eq!(
            seen,
            [(None, "house-001".to_owned())],
            "the build may be all that tells them apart"
        );
    }

    #[test]
    fn no_name_makes_it_panic_or_give_no_candidate() {
        for name in ["", ".", "/", "@", "arn:", "arn:::", ":0", "-v1", "-20250101", "ä-2025-01-0ö"]
        {
            assert!(!candidates(Protocol::Auto, name).is_empty(), "{name}");
        }
    }
}
