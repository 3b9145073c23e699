//! The lines of the values of a JSON text.

use crate::path::{Path, Step};

/// The lines of a text that is known to be JSON.
pub(crate) struct Places {
    top: Place,
    /// Members whose name an object has already: path and line.
    pub(crate) twice: Vec<(String, u32)>,
}

struct Place {
    line: u32,
    inner: Inner,
}

enum Inner {
    Leaf,
    Items(Vec<Place>),
    Members(Vec<(String, Place)>),
}

impl Places {
    /// Reads a text that `serde_json` has taken. Its nesting is bounded by that reader.
    pub(crate) fn of(text: &str) -> Self {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0, line: 1, twice: Vec::new() };
        let top = reader.value(&Path::TOP);
        Self { top, twice: reader.twice }
    }

    /// The line of a value, or of the innermost value around it that exists.
    pub(crate) fn line(&self, path: &Path<'_>) -> u32 {
        let mut place = &self.top;
        for step in path.steps() {
            let next = match (&place.inner, step) {
                (Inner::Items(items), Step::Item(number)) => items.get(number),
                (Inner::Members(members), Step::Member(name)) => {
                    members.iter().rev().find(|(own, _)| own == name).map(|(_, place)| place)
                }
                _ => None,
            };
            match next {
                Some(next) => place = next,
                None => break,
            }
        }
        place.line
    }
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    line: u32,
    twice: Vec<(String, u32)>,
}

impl Reader<'_> {
    fn space(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => return,
            }
            self.at += 1;
        }
    }

    fn peek(&mut self) -> u8 {
        self.space();
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    fn value(&mut self, path: &Path<'_>) -> Place {
        let first = self.peek();
        let line = self.line;
        let inner = match first {
            b'{' => self.members(path),
            b'[' => self.items(path),
            b'"' => {
                self.string();
                Inner::Leaf
            }
            _ => {
                let ends = |byte: &u8| b",]} \t\r\n".contains(byte);
                while self.bytes.get(self.at).is_some_and(|byte| !ends(byte)) {
                    self.at += 1;
                }
                Inner::Leaf
            }
        };
        Place { line, inner }
    }

    fn items(&mut self, path: &Path<'_>) -> Inner {
        let mut items = Vec::new();
        self.at += 1;
        while !matches!(self.peek(), b']' | 0) {
            items.push(self.value(&path.item(items.len())));
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Inner::Items(items)
    }

    fn members(&mut self, path: &Path<'_>) -> Inner {
        let mut members: Vec<(String, Place)> = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        self.at += 1;
        while !matches!(self.peek(), b'}' | 0) {
            let line = self.line;
            let name = self.string();
            if !known.insert(name.clone()) {
                self.twice.push((path.member(&name).to_string(), line));
            }
            if self.peek() == b':' {
                self.at += 1;
            }
            let mut place = self.value(&path.member(&name));
            place.line = line;
            members.push((name, place));
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Inner::Members(members)
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        let end = self.at.min(self.bytes.len());
        serde_json::from_slice(&self.bytes[start..end]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use crate::path::Path;

    #[test]
    fn values_have_the_line_of_their_name() {
        let text = "{\n \"a\": {\"b\\n\":\n [1,\n 2]},\n \"a\": 3\n}";
        let places = Places::of(text);
        let a = Path::TOP.member("a");
        assert_eq!(places.line(&Path::TOP), 1);
        assert_eq!(places.line(&a), 5);
        assert_eq!(places.twice, [("$.a".to_owned(), 5)]);
        let places = Places::of("[\n1,\n{\"x\":\n[2,\n3]}]");
        let x = Path::TOP.item(1);
        let x = x.member("x");
        assert_eq!(places.line(&x), 3);
        assert_eq!(places.line(&x.item(1)), 5);
        assert_eq!(places.line(&x.item(7)), 3);
    }
}
