//! `starts_with` and `ends_with`.

use datalogic_rs::bumpalo::Bump;
use datalogic_rs::operator::EvalContext;
use datalogic_rs::{ArenaExt, CustomOperator, DataValue, Result};

/// Compares two texts. Null if there are not two arguments or one is no text.
pub(super) struct Compare(pub(super) fn(&str, &str) -> bool);

impl CustomOperator for Compare {
    fn evaluate<'a>(
        &self,
        args: &[&'a DataValue<'a>],
        _: &mut EvalContext<'_, 'a>,
        arena: &'a Bump,
    ) -> Result<&'a DataValue<'a>> {
        Ok(match args {
            [DataValue::String(text), DataValue::String(part)] => arena.bool((self.0)(text, part)),
            _ => arena.null(),
        })
    }
}
