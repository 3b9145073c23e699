//! The checked reader: walks the tree a YAML text becomes, turns it into raw types and reports every
//! problem on the way instead of stopping at the first.
//!
//! A value that could not be read is `None`, and then its problem is already reported; so later
//! checks simply skip what is not there.

mod collection;
mod context;
mod cursor;
mod env;
mod fields;
mod macros;
mod node;
mod shape;
mod value;
mod yaml;

pub(crate) use collection::{Map, NonEmpty, OrOff};
pub(crate) use context::Context;
pub(crate) use cursor::{At, Cursor, Site, join, plain, shown};
pub(crate) use fields::{Fields, one_key, unique_entries, word};
pub(crate) use macros::{choice, doc_text, key_text, leaf, need, raw, setting, words};
pub(crate) use node::{Content, Mark, Node};
pub(crate) use shape::{Field, Form, Json, Need, Scalar, Shape, TypeForm};
pub(crate) use stagegate_eval::suggestion;
pub(crate) use value::Read;
pub(crate) use yaml::parse;
