//! `${NAME}` and `${NAME:-default}` in values. Substitution happens after the YAML is read, so a
//! value from the environment can never add keys.

/// A problem with a substitution.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EnvError {
    /// No such variable, and no default.
    Missing(String),
    /// Not of the form `${NAME}` or `${NAME:-default}`.
    Malformed,
}

/// The text with every `${…}` replaced; `$${` stands for a literal `${`.
pub(crate) fn substitute(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, EnvError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if let Some(before) = rest[..start].strip_suffix('$') {
            out += before;
            out += "${";
            rest = &rest[start + 2..];
            continue;
        }
        out += &rest[..start];
        let inner = &rest[start + 2..];
        let end = inner.find('}').ok_or(EnvError::Malformed)?;
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        if !is_name(name) {
            return Err(EnvError::Malformed);
        }
        // As in a shell, `:-` also covers a variable that is set but empty.
        match (env(name), default) {
            (Some(value), None) => out += &value,
            (Some(value), Some(_)) if !value.is_empty() => out += &value,
            (_, Some(default)) => out += default,
            (None, None) => return Err(EnvError::Missing(name.to_owned())),
        }
        rest = &inner[end + 1..];
    }
    Ok(out + rest)
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::{EnvError, substitute};

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("agents".into()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("${HOST}".into()),
            _ => None,
        }
    }

    #[test]
    fn replaces_variables_and_defaults() {
        for (text, expected) in [
            ("plain $HOST {HOST}", "plain $HOST {HOST}"),
            ("${HOST}", "agents"),
            ("a-${HOST}-${HOST}.z", "a-agents-agents.z"),
            ("${NONE:-x}", "x"),
            ("${NONE:-}", ""),
            ("${HOST:-x}", "agents"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("$${HOST}", "${HOST}"),
            ("${TRICKY}", "${HOST}"),
            ("${NONE:-http://a:1}", "http://a:1"),
        ] {
            assert_eq!(substitute(text, &env), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn names_what_is_missing_and_refuses_what_is_malformed() {
        assert_eq!(substitute("${NONE}", &env), Err(EnvError::Missing("NONE".into())));
        for text in ["${", "${}", "${1A}", "${A B}", "${A-b}", "x ${HOST"] {
            assert_eq!(substitute(text, &env), Err(EnvError::Malformed), "{text}");
        }
    }
}
