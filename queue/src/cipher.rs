//! Encryption at rest: AES-256-GCM (NIST SP 800-38D), a random nonce of 96 bits before each text. The id of the entry
//! and the kind of the text are authenticated with it, so that no text can take the place of another one.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// What is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Request,
    Answer,
}

impl Text {
    fn bound_to(self, id: &str) -> Vec<u8> {
        let kind = match self {
            Self::Request => "request",
            Self::Answer => "answer",
        };
        format!("{kind} {id}").into_bytes()
    }
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?))
}

/// Random bytes; none if the system has none.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

/// The encrypted text; none if the system has no random bytes.
pub(crate) fn seal(key: &[u8; 32], kind: Text, id: &str, text: &[u8]) -> Option<Vec<u8>> {
    let nonce = random::<NONCE_LEN>()?;
    let mut sealed = text.to_vec();
    let aad = Aad::from(kind.bound_to(id));
    let nonce_used = Nonce::assume_unique_for_key(nonce);
    cipher(key)?.seal_in_place_append_tag(nonce_used, aad, &mut sealed).ok()?;
    Some([&nonce[..], &sealed].concat())
}

/// The text; none if the key is another one, or the text was changed.
pub(crate) fn open(key: &[u8; 32], kind: Text, id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = sealed.to_vec();
    let length =
        cipher(key)?.open_in_place(nonce, Aad::from(kind.bound_to(id)), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::{Text, open, seal};

    #[test]
    fn only_the_key_opens_and_only_in_its_place() {
        let (key, other) = ([7; 32], [8; 32]);
        let sealed = seal(&key, Text::Request, "a", b"refund 7").expect("sealed");
        assert!(!sealed.windows(6).any(|it| it == b"refund"), "it is not to be read");
        assert_eq!(open(&key, Text::Request, "a", &sealed).as_deref(), Some(&b"refund 7"[..]));
        assert_eq!(open(&other, Text::Request, "a", &sealed), None);
        assert_eq!(open(&key, Text::Answer, "a", &sealed), None);
        assert_eq!(open(&key, Text::Request, "b", &sealed), None);
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert_eq!(open(&key, Text::Request, "a", &changed), None);
        assert_eq!(open(&key, Text::Request, "a", &sealed[..5]), None);
        assert_ne!(sealed, seal(&key, Text::Request, "a", b"refund 7").expect("sealed"));
    }
}
