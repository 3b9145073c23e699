//! The documents of a body: one, one a line, one an event of a stream, or a form's fields.
//!
//! The first byte has the last word: JSON that is labelled as events or as a form, events that are
//! labelled as JSON, and either without a label are read as what they are.

use super::events::Events;
use super::layout::Layout;
use super::members::{Reader, Told};
use super::multipart::{Part, Parts};
use crate::identity::form::{Form, members};
use stagegate_signals::Layout as Seen;

/// Reads the documents of one body.
#[derive(Debug)]
pub(super) struct Documents {
    reader: Reader,
    kind: Kind,
    /// Something that is no blank has come.
    begun: bool,
}

#[derive(Debug)]
enum Kind {
    Json,
    Events(Events),
    Form(Box<Form>),
    Parts(Box<Parts>),
    /// Text that its first byte has not told yet.
    Unknown,
    /// No documents.
    Nothing,
}

impl Documents {
    pub(super) fn new(reader: Reader, layout: Layout) -> Self {
        let kind = match layout {
            Layout::Json => Kind::Json,
            Layout::Events => Kind::Events(Events::default()),
            Layout::Form => Kind::Form(Box::default()),
            Layout::Parts(boundary) => Kind::Parts(Box::new(Parts::new(&boundary))),
            Layout::Text => Kind::Unknown,
        };
        Self { reader, kind, begun: false }
    }

    /// Returns whether nothing can be found any more.
    pub(super) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// The document under way is over, complete or not.
    pub(super) fn document_ends(&mut self, told: &mut impl Told) {
        self.reader.restart(told);
    }

    /// The body is over.
    pub(super) fn end(&mut self, told: &mut impl Told) {
        let Self { reader, kind, .. } = self;
        if let Kind::Form(form) = kind {
            form.end(|name, value| field(reader, name, value, told));
        }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], told: &mut impl Told) {
        if !self.begun
            && let Some(seen) = Seen::of(bytes)
        {
            self.begun = true;
            match (&self.kind, seen) {
                (Kind::Events(_) | Kind::Form(_) | Kind::Unknown, Seen::Json) => {
                    self.kind = Kind::Json;
                }
                (Kind::Json | Kind::Unknown, Seen::Events) => {
                    self.kind = Kind::Events(Events::default());
                }
                (Kind::Unknown, Seen::Other) => self.kind = Kind::Nothing,
                _ => {}
            }
        }
        let Self { reader, kind, .. } = self;
        match kind {
            Kind::Json => reader.feed(bytes, told),
            Kind::Events(events) => events.feed(bytes, reader, told),
            Kind::Form(form) => form.feed(bytes, |name, value| field(reader, name, value, told)),
            Kind::Parts(parts) => parts.feed(bytes, |part| match part {
                Part::Field(name, text) => field(reader, name, text, told),
                Part::Json(bytes) => reader.feed(bytes, told),
                Part::Ends => reader.restart(told),
            }),
            Kind::Unknown | Kind::Nothing => {}
        }
    }
}

/// A field of a form: a text at the place that its name says, or a document of JSON.
fn field(reader: &mut Reader, name: &str, value: &str, told: &mut impl Told) {
    if Seen::of(value.as_bytes()) == Some(Seen::Json) {
        reader.feed(value.as_bytes(), told);
        reader.restart(told);
    } else {
        let members: Vec<&str> = members(name).collect();
        reader.field(&members, value, told);
    }
}
