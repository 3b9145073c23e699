//! JSON that breaks off: what of it is certain. The rules of `jiter.from_json(partial_mode=True)`,
//! which the `anthropic` SDK uses: containers are closed where the text ends, a value that is not
//! whole is left out (a number at the end counts as whole), and so is a key without a value.
//! Reading ends without complaint at anything that follows a value and is neither comma nor
//! bracket.

use serde_json::{Map, Number, Value};

/// Containers may be nested this deep, as in jiter.
const DEEPEST: usize = 200;

/// The reason why reading stopped.
enum Stop {
    /// The text ended.
    End,
    /// It is not JSON.
    Wrong,
}

/// The value as far as it goes; `None` for what is not the beginning of JSON.
pub(super) fn parse(text: &str) -> Option<Value> {
    if let Ok(value) = super::surrogates::parse(text) {
        return Some(value);
    }
    Reader { text, at: 0 }.value(0).ok().map(|(value, _)| value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A value, and whether it is whole.
    fn value(&mut self, depth: usize) -> Result<(Value, bool), Stop> {
        self.space();
        match self.peek().ok_or(Stop::End)? {
            b'{' | b'[' if depth >= DEEPEST => Err(Stop::Wrong),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(|text| (Value::from(text), true)),
            _ => self.scalar().map(|value| (value, true)),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(Value, bool), Stop> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok((Value::Array(items), true));
        }
        loop {
            match self.value(depth) {
                Ok((item, whole)) => {
                    items.push(item);
                    if !whole {
                        break;
                    }
                }
                Err(Stop::End) => break,
                Err(Stop::Wrong) => return Err(Stop::Wrong),
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok((Value::Array(items), true));
                }
                _ => break,
            }
        }
        Ok((Value::Array(items), false))
    }

    fn object(&mut self, depth: usize) -> Result<(Value, bool), Stop> {
        self.at += 1;
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok((Value::Object(map), true));
        }
        loop {
            match self.member(&mut map, depth) {
                Ok(true) => {}
                Ok(false) | Err(Stop::End) => break,
                Err(Stop::Wrong) => return Err(Stop::Wrong),
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok((Value::Object(map), true));
                }
                _ => break,
            }
        }
        Ok((Value::Object(map), false))
    }

    /// One key with its value, into the map; whether the value is whole.
    fn member(&mut self, map: &mut Map<String, Value>, depth: usize) -> Result<bool, Stop> {
        self.space();
        if self.peek().ok_or(Stop::End)? != b'"' {
            return Err(Stop::Wrong);
        }
        let key = self.string()?;
        self.space();
        if self.peek().ok_or(Stop::End)? != b':' {
            return Err(Stop::Wrong);
        }
        self.at += 1;
        let (value, whole) = self.value(depth)?;
        map.insert(key, value);
        Ok(whole)
    }

    fn string(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek().ok_or(Stop::End)? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..0x20 => return Err(Stop::Wrong),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let written = self.text.get(start..self.at).ok_or(Stop::Wrong)?;
        let parsed = super::surrogates::parse(written).map_err(|_| Stop::Wrong)?;
        parsed.as_str().map(str::to_owned).ok_or(Stop::Wrong)
    }

    fn escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        match self.peek().ok_or(Stop::End)? {
            b'u' => {
                let hex = self.text.as_bytes().get(self.at + 1..self.at + 5).ok_or(Stop::End)?;
                if !hex.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Stop::Wrong);
                }
                self.at += 5;
            }
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            _ => return Err(Stop::Wrong),
        }
        Ok(())
    }

    fn scalar(&mut self) -> Result<Value, Stop> {
        let rest = &self.text[self.at..];
        // Not JSON, but jiter reads them; there is no such number here.
        let words = [("true", Value::Bool(true)), ("false", Value::Bool(false))];
        let nothing = ["null", "NaN", "Infinity", "-Infinity"].map(|word| (word, Value::Null));
        for (word, value) in words.into_iter().chain(nothing) {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
            if rest != "-" && word.starts_with(rest) {
                return Err(Stop::End);
            }
        }
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let first = self.peek();
        let whole = self.digits()?;
        if whole > 1 && first == Some(b'0') {
            return Err(Stop::Wrong);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.text[start..self.at].parse::<Number>().map(Value::Number).map_err(|_| Stop::Wrong)
    }

    /// The number of digits there are: one at least, or the text ends.
    fn digits(&mut self) -> Result<usize, Stop> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        match (self.at - start, self.peek()) {
            (0, None) => Err(Stop::End),
            (0, Some(_)) => Err(Stop::Wrong),
            (count, _) => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

    /// Every prefix of some documents, with jiter's result for it.
    const JITER: &str = include_str!("../../tests/corpus/partial.json");

    #[test]
    fn agrees_with_jiter() {
        let rows: Vec<(String, serde_json::Value)> = serde_json::from_str(JITER).expect("JSON");
        assert!(rows.len() > 150);
        let wrong: Vec<_> = rows
            .iter()
            .map(|(text, row)| (text, parse(text), row.get("value").cloned()))
            .filter(|(_, ours, theirs)| ours != theirs)
            .collect();
        assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
    }

    #[test]
    fn keeps_what_is_certain() {
        for (text, value) in [
            (r#"{"a": 1, "b": [true, "x"#, Some(json!({"a": 1, "b": [true]}))),
            (r#"{"a": 12"#, Some(json!({"a": 12}))),
            (r#"{"a": "done", "b"#, Some(json!({"a": "done"}))),
            (r#"{"a": "done", "b": "#, Some(json!({"a": "done"}))),
            (r#"{"a": {"b": "#, Some(json!({"a": {}}))),
            (r#"{"a": "\"}"#, Some(json!({}))),
            (r#"{"a": nul"#, Some(json!({}))),
            ("[1, 2,", Some(json!([1, 2]))),
            ("{", Some(json!({}))),
            (r#"{"a": 1}"#, Some(json!({"a": 1}))),
            (r#"{"a": 1}x"#, Some(json!({"a": 1}))),
            (r#"{"a" 1"#, None),
            (r#"{a: 1"#, None),
            ("[1 2", Some(json!([1]))),
            ("[1.5.", Some(json!([1.5]))),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(parse(text), value, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
