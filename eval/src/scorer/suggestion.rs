//! Suggests similar words for a misspelled one.

/// The word among `words` that is nearest to `text`; `None` where none is near.
#[must_use]
pub fn suggestion<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    // Comparing costs length times length: no real key is this long.
    if text.len() > 64 {
        return None;
    }
    let folded = text.to_lowercase().replace('-', "_");
    let allowed = (folded.chars().count() / 3).clamp(1, 3);
    let near = |word: &&'w str| strsim::damerau_levenshtein(&folded, &word.replace('-', "_"));
    words
        .iter()
        .copied()
        .map(|word| (near(&word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let words = ["weight", "stable", "path_prefix"];
        assert_eq!(suggestion("wieght", &words), Some("weight"));
        assert_eq!(suggestion("Path-Prefix", &words), Some("path_prefix"));
        assert_eq!(suggestion("zzz", &words), None);
    }
}
