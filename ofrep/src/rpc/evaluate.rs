//! Evaluations for flagd's providers.

use super::failure::Failure;
use super::message::{AnyFlag, AnyValue, Resolve, ResolveAll, Resolved, ResolvedAll, Struct};
use crate::origin::Origin;
use crate::remote::Remote;
use crate::routes::{App, unix};
use http::Response;
use prost::Message as _;
use prost::encoding::{bool, double, int64, message, string};
use serde_json::{Map, Value};
use stagegate_flags::{Context, ErrorCode, Evaluation, Scratch, Variant, json_kind};
use stagegate_listener::{Code, GrpcBody, answer};

/// The type that a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Boolean,
    Text,
    Whole,
    Number,
    Object,
}

/// Evaluates one flag.
pub(super) fn one(
    app: &App,
    wanted: Wanted,
    resolve: Resolve,
    origin: Origin,
) -> Result<Response<GrpcBody>, Failure> {
    let object = resolve.context.unwrap_or_default().json();
    let mut scratch = Scratch::new();
    let context = read(app, &mut scratch, &object)?;
    let current = app.flags.current();
    let evaluation = current.set.evaluate(&resolve.flag_key, &context, unix());
    app.flags.counted(&resolve.flag_key, &evaluation);
    let evaluated = || vec![Remote::of(&resolve.flag_key, &evaluation)];
    app.flags.joined(origin.or(&object), &context, evaluated);
    resolved(wanted, &evaluation).map(|message| answer(&message))
}

/// Evaluates all flags; those that fail are left out, as flagd does.
pub(super) fn all(
    app: &App,
    resolve: ResolveAll,
    origin: Origin,
) -> Result<Response<GrpcBody>, Failure> {
    let object = resolve.context.unwrap_or_default().json();
    let mut scratch = Scratch::new();
    let context = read(app, &mut scratch, &object)?;
    let current = app.flags.current();
    let (origin, mut remote) = (origin.or(&object), Vec::new());
    let flags = current.set.evaluate_all(&context, unix()).filter_map(|(flag, evaluation)| {
        app.flags.counted(flag.key(), &evaluation);
        if !origin.is_nobody() {
            remote.push(Remote::of(flag.key(), &evaluation));
        }
        Some((flag.key().to_owned(), any(&evaluation)?))
    });
    let metadata = Some(Struct::of(current.set.metadata()));
    let all = ResolvedAll { flags: flags.collect(), metadata };
    app.flags.joined(origin, &context, || remote);
    Ok(answer(&all.encode_to_vec()))
}

fn read<'s>(
    app: &App,
    scratch: &'s mut Scratch,
    context: &Map<String, Value>,
) -> Result<Context<'s>, Failure> {
    let context = scratch.of_json(context);
    let context =
        context.map_err(|error| Failure::new(Code::InvalidArgument, error.to_string()))?;
    Ok(context.excluding(app.flags.excludes(&context)))
}

/// The answer with a value of the type that is wanted. Without a value the caller uses its own default.
fn resolved(wanted: Wanted, evaluation: &Evaluation<'_>) -> Result<Vec<u8>, Failure> {
    if let Some(failure) = evaluation.failure() {
        let code = match failure.code() {
            ErrorCode::FlagNotFound => Code::NotFound,
            ErrorCode::ParseError => Code::DataLoss,
            // flagd says UNKNOWN, which its providers ask again before they give up.
            ErrorCode::General => Code::Internal,
        };
        return Err(Failure::new(code, failure.to_string()));
    }
    let mut out = Vec::new();
    if let Some(value) = evaluation.value() {
        put(wanted, value, &mut out).ok_or_else(|| {
            let key = evaluation.flag().map_or("", |flag| flag.key());
            let words = format!("the value of `{key}` is {}", json_kind(value));
            Failure::new(Code::InvalidArgument, words)
        })?;
    }
    let rest = Resolved {
        reason: evaluation.reason().label().to_owned(),
        variant: evaluation.variant().map(|variant| variant.name().to_owned()),
        metadata: Some(metadata(evaluation)),
    };
    rest.encode(&mut out).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(out)
}

/// Writes field 1, if the value is of the type.
fn put(wanted: Wanted, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match wanted {
        Wanted::Boolean => bool::encode(1, &value.as_bool()?, out),
        Wanted::Text => string::encode(1, &value.as_str()?.to_owned(), out),
        Wanted::Whole => int64::encode(1, &value.as_i64()?, out),
        Wanted::Number => double::encode(1, &value.as_f64()?, out),
        Wanted::Object => message::encode(1, &Struct::of(value.as_object()?), out),
    }
    Some(())
}

fn any(evaluation: &Evaluation<'_>) -> Option<AnyFlag> {
    if evaluation.failure().is_some() {
        return None;
    }
    let value = match evaluation.value() {
        None | Some(Value::Null | Value::Array(_)) => None,
        Some(Value::Bool(value)) => Some(AnyValue::Bool(*value)),
        Some(Value::String(text)) => Some(AnyValue::Text(text.clone())),
        Some(Value::Number(number)) => number.as_f64().map(AnyValue::Number),
        Some(Value::Object(object)) => Some(AnyValue::Object(Struct::of(object))),
    };
    Some(AnyFlag {
        reason: evaluation.reason().label().to_owned(),
        variant: evaluation.variant().map_or("", Variant::name).to_owned(),
        value,
        metadata: Some(metadata(evaluation)),
    })
}

fn metadata(evaluation: &Evaluation<'_>) -> Struct {
    Struct::of(&crate::answer::metadata(evaluation))
}
