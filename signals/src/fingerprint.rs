//! A number for the words of an error, so that the same error with other ids, amounts and names is the same.

/// FNV-1a, 32 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
const OFFSET: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// The number of a message: words with a digit count as one sign, and so does what stands in quotes; capitals and blanks
/// make no difference. 0 for a message without a word. The message cannot be had back from it.
pub(crate) fn fingerprint(message: &[u8]) -> u32 {
    let mut hash = OFFSET;
    let mut rest = message;
    let mut any = false;
    while let Some((&byte, tail)) = rest.split_first() {
        let length = rest.iter().take_while(|it| is_word(**it)).count();
        if length > 0 {
            let word = &rest[..length];
            if word.iter().any(u8::is_ascii_digit) {
                add(&mut hash, b"#");
            } else {
                add(&mut hash, word);
            }
            add(&mut hash, b" ");
            any = true;
            rest = &rest[length..];
        } else if matches!(byte, b'\'' | b'"' | b'`') {
            add(&mut hash, b"?");
            let end = tail.iter().position(|it| *it == byte);
            rest = end.map_or(&[][..], |end| &tail[end + 1..]);
        } else {
            rest = tail;
        }
    }
    if any { hash } else { 0 }
}

/// Part of a word: an apostrophe inside of one is read as a quote, which costs nothing but precision.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || !byte.is_ascii()
}

fn add(hash: &mut u32, bytes: &[u8]) {
    for byte in bytes {
        *hash = (*hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(PRIME);
    }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn the_same_error_with_other_ids_is_the_same_and_another_one_is_not() {
        let of = |text: &str| fingerprint(text.as_bytes());
        let one = of("Tool 'search' timed out after 30s (request 0199c5a4-7d0f)");
        assert_eq!(one, of("tool \"fetch it\"  timed out after 31s (request 8d0f-11)"));
        assert_ne!(one, of("Tool 'search' was refused after 30s (request 0199c5a4-7d0f)"));
        assert_eq!(of("index 5 out of range"), of("index 17 out of range"));
        assert_eq!((of(""), of(" !? ")), (0, 0));
        assert_eq!(of("it's `open"), of("it's `closed"), "a quote that never ends is one sign");
    }
}
