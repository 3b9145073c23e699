//! The way from the top of a file to a value.

use std::fmt;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// The steps to a value, the last one first, on the stack of the code that walks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Option<Step<'a>>,
}

impl<'a> Path<'a> {
    /// The top.
    pub(crate) const TOP: Path<'static> = Path { parent: None, step: None };

    /// One step further.
    pub(crate) fn member<'b>(&'b self, name: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Some(Step::Member(name)) }
    }

    /// One step further.
    pub(crate) fn item<'b>(&'b self, number: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Some(Step::Item(number)) }
    }

    /// The steps, the first one first.
    pub(crate) fn steps(&self) -> Vec<Step<'a>> {
        let mut steps = match self.parent {
            Some(parent) => parent.steps(),
            None => Vec::new(),
        };
        steps.extend(self.step);
        steps
    }
}

/// JSONPath (RFC 9535): `$.flags['a.b'].targeting.if[0]`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            Some(parent) => parent.fmt(f)?,
            None => f.write_str("$")?,
        }
        match self.step {
            None => Ok(()),
            Some(Step::Item(number)) => write!(f, "[{number}]"),
            Some(Step::Member(name)) if is_plain(name) => write!(f, ".{name}"),
            Some(Step::Member(name)) => {
                write!(f, "['{}']", name.replace('\\', "\\\\").replace('\'', "\\'").escape_debug())
            }
        }
    }
}

/// Names that people read without quotes: a little more than RFC 9535 permits, because flags have hyphens.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '$';
    !name.is_empty() && name.chars().all(plain)
}
