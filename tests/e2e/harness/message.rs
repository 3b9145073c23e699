//! Messages as a test looks at them: heads with their raw bytes, bodies with their framing.

/// The head of a request or a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// Request line or status line.
    pub(crate) start: String,
    /// Fields in wire order, names as written.
    pub(crate) fields: Vec<(String, String)>,
    /// The bytes, with the empty line.
    pub(crate) raw: Vec<u8>,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By its own framing.
    Complete,
    /// The connection was closed before the message was complete.
    Closed,
    /// The connection was reset before the message was complete.
    Reset,
    /// Its framing is broken.
    Broken,
}

/// The body of a message.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// The content without framing.
    pub(crate) bytes: Vec<u8>,
    /// The chunks as framed by the peer; one element for other framings.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Trailer fields.
    pub(crate) trailers: Vec<(String, String)>,
    /// How it ended.
    pub(crate) end: End,
}

/// A whole response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Interim (1xx) heads before it.
    pub(crate) interim: Vec<Head>,
    /// The final head.
    pub(crate) head: Head,
    /// The body.
    pub(crate) body: Body,
}

impl Head {
    pub(super) fn parse(raw: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.take_while(|line| !line.is_empty()).map(field).collect();
        Self { start, fields, raw }
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        let code = self.start.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("not a status line: {:?}", self.start))
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the first field named `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The values of all fields named `name`, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a list field contains `token`.
    pub(crate) fn lists(&self, name: &str, token: &str) -> bool {
        let values = self.all(name);
        values.iter().flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case(token))
    }
}

impl Body {
    pub(super) fn ended(end: End) -> Self {
        Self { bytes: Vec::new(), chunks: Vec::new(), trailers: Vec::new(), end }
    }
}

impl Response {
    /// The status of the final head.
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.bytes).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body.bytes)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.head.start, self.text()))
    }

    /// The arm whose backend answered.
    pub(crate) fn arm(&self) -> &str {
        let arm = self.head.get("x-arm");
        arm.unwrap_or_else(|| panic!("no backend answered: {} {}", self.head.start, self.text()))
    }

    /// Why the proxy itself answered, if it did.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.head.get("stagegate-reason")
    }
}

/// A request without a body, as text: `GET` unless `line` names another method.
pub(crate) fn request(line: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nhost: agents.test\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

/// A request with a body and its length.
pub(crate) fn request_with(line: &str, fields: &[(&str, &str)], body: &str) -> String {
    let length = body.len().to_string();
    let mut all = fields.to_vec();
    all.push(("content-length", &length));
    request(line, &all) + body
}

/// A field line's name and value.
pub(super) fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a field: {line:?}"));
    (name.to_owned(), value.trim().to_owned())
}
