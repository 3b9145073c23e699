//! Answers in the form of the question: OTLP over HTTP as protobuf or JSON, or gRPC
//! (<https://opentelemetry.io/docs/specs/otlp/>).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use stagegate_listener::{GrpcBody, answer, status};
use std::fmt::Write as _;

pub(crate) type Body = GrpcBody;

/// The form of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Protobuf,
    Json,
    Grpc,
}

impl Form {
    /// The one of a content type.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let end = content_type.iter().position(|byte| *byte == b';');
        let kind = &content_type[..end.unwrap_or(content_type.len())];
        match kind.trim_ascii().to_ascii_lowercase().as_slice() {
            b"application/x-protobuf" | b"application/protobuf" => Some(Self::Protobuf),
            b"application/json" => Some(Self::Json),
            b"application/grpc" | b"application/grpc+proto" => Some(Self::Grpc),
            _ => None,
        }
    }

    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
            Self::Grpc => "application/grpc",
        })
    }
}

/// An error, with its status over HTTP and the code of gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: u8,
    pub(crate) words: String,
    /// Seconds after which another try is worth it.
    pub(crate) retry_after: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: u8, words: impl Into<String>) -> Self {
        Self { status, code, words: words.into(), retry_after: None }
    }

    pub(crate) const fn again(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn answer(&self, form: Form) -> Response<Body> {
        if form == Form::Grpc {
            let mut answer = response(StatusCode::OK, form, full(Bytes::new()));
            answer.headers_mut().extend(status(self.code, &self.words));
            return answer;
        }
        let body = match form {
            // `google.rpc.Status { code = 1, message = 2 }`.
            Form::Protobuf | Form::Grpc => {
                let mut body = vec![0x08, self.code];
                field(2, self.words.as_bytes(), &mut body);
                body
            }
            Form::Json => {
                format!("{{\"code\":{},\"message\":{}}}", self.code, quoted(&self.words)).into()
            }
        };
        let mut answer = response(self.status, form, full(body.into()));
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

/// The export was taken, but for `rejected` spans.
pub(crate) fn accepted(form: Form, rejected: u64, words: &str) -> Response<Body> {
    let body = match form {
        _ if rejected == 0 && form != Form::Json => Vec::new(),
        Form::Json if rejected == 0 => b"{}".to_vec(),
        Form::Json => format!(
            "{{\"partialSuccess\":{{\"rejectedSpans\":\"{rejected}\",\"errorMessage\":{}}}}}",
            quoted(words)
        )
        .into(),
        // `ExportTraceServiceResponse { partial_success = 1 { rejected_spans = 1, error_message = 2 } }`.
        Form::Protobuf | Form::Grpc => {
            let (mut inner, mut body) = (vec![0x08], Vec::new());
            varint(rejected, &mut inner);
            field(2, words.as_bytes(), &mut inner);
            field(1, &inner, &mut body);
            body
        }
    };
    success(form, &body, None)
}

/// A successful answer with this message.
pub(crate) fn success(
    form: Form,
    message: &[u8],
    content_type: Option<HeaderValue>,
) -> Response<Body> {
    if form != Form::Grpc {
        let mut answer = response(StatusCode::OK, form, full(Bytes::copy_from_slice(message)));
        if let Some(content_type) = content_type {
            answer.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        return answer;
    }
    answer(message)
}

fn response(status: StatusCode, form: Form, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, form.content_type());
    answer
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}

/// A text in JSON. Words are our own, but may repeat what was sent.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A field of bytes.
fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::{Form, Refusal, accepted};
    use http::{Response, StatusCode};
    use http_body_util::BodyExt as _;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message as _;

    async fn body(answer: Response<super::Body>) -> Vec<u8> {
        let read = answer.into_body().collect().await.expect("in memory");
        read.to_bytes().to_vec()
    }

    #[tokio::test]
    async fn rejected_spans_are_told_in_every_form() {
        let protobuf = body(accepted(Form::Protobuf, 300, "no \"ids\"")).await;
        let told = ExportTraceServiceResponse::decode(&protobuf[..]).expect("its type");
        let told = told.partial_success.expect("a part");
        assert_eq!((told.rejected_spans, &*told.error_message), (300, "no \"ids\""));
        let grpc = body(accepted(Form::Grpc, 300, "no \"ids\"")).await;
        assert_eq!(&grpc[5..], protobuf);
        let json = body(accepted(Form::Json, 300, "no \"ids\"")).await;
        let wanted = r#"{"partialSuccess":{"rejectedSpans":"300","errorMessage":"no \"ids\""}}"#;
        assert_eq!(String::from_utf8_lossy(&json), wanted);
        assert_eq!(body(accepted(Form::Json, 0, "")).await, b"{}");
        assert!(body(accepted(Form::Protobuf, 0, "")).await.is_empty());
    }

    #[tokio::test]
    async fn refusals_have_the_form_of_the_question() {
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, 3, "100% wrong").again(1);
        let grpc = refusal.answer(Form::Grpc);
        assert_eq!(
            (grpc.status(), &grpc.headers()["grpc-status"]),
            (StatusCode::OK, &"3".parse().expect("a value"))
        );
        assert_eq!(grpc.headers()["grpc-message"], "100%25 wrong");
        let json = refusal.answer(Form::Json);
        assert_eq!(
            (json.status(), &json.headers()["retry-after"]),
            (StatusCode::BAD_REQUEST, &"1".parse().expect("a value"))
        );
        assert_eq!(body(json).await, br#"{"code":3,"message":"100% wrong"}"#);
        assert_eq!(body(refusal.answer(Form::Protobuf)).await, b"\x08\x03\x12\x0a100% wrong");
    }
}
