//! Bytes in the stored form: Base64 (RFC 4648 4). A list of numbers would take three to four times their room.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::Answer;

    #[test]
    fn bytes_come_back_and_take_little_more_room() {
        let body: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let answer = Answer { status: 200, fields: b"content-type: x\r\n".to_vec(), body };
        let stored = serde_json::to_vec(&answer).expect("JSON");
        assert!(stored.len() < 4100, "{}", stored.len());
        assert_eq!(serde_json::from_slice::<Answer>(&stored).expect("the same"), answer);
    }
}
