//! Ids in forms, behind wrong labels, and in the addresses of what responses made.

use super::super::issued_in_head;
use super::super::table::{KINDS, Place};
use super::{ID, LIMITS, learned, used};
use crate::http1::{ResponseHead, Status};

/// A form that uses [`ID`] at `place`, as fields in the order of their names; none where a form has no
/// such place.
fn form(place: Place, collection: &str) -> Option<(String, String)> {
    Some(match place {
        Place::Member(name) | Place::Top(name) => (name.to_owned(), ID.to_owned()),
        Place::Of(parent, name) => (format!("{parent}[{name}]"), ID.to_owned()),
        Place::TopOf(list, name) => (format!("{list}[3][{name}]"), ID.to_owned()),
        Place::Resource(name) => (name.to_owned(), format!("{collection}/{ID}")),
        Place::Header(_) | Place::Path(_) | Place::Query(_) => return None,
    })
}

#[test]
fn what_is_used_in_json_is_recognised_in_forms_of_both_kinds() {
    let mut seen = 0;
    for kind in KINDS {
        let collection = kind.used.iter().find_map(|place| match place {
            Place::Path(name) => Some(*name),
            _ => None,
        });
        for place in kind.used {
            let Some((name, value)) = form(*place, collection.unwrap_or("none")) else { continue };
            let escaped = value.replace('/', "%2F").replace('-', "%2d");
            let name_escaped = name.replace('[', "%5B").replace('_', "%5f");
            let list = if name.ends_with('s') { "%5B0%5D" } else { "" };
            let urlencoded = format!("purpose=a+b&{name_escaped}{list}={escaped}");
            let fields = "Content-Type: application/x-www-form-urlencoded\r\n";
            let multipart = format!(
                "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n{{\"conversation\":\"no\"}}\r\n--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n"
            );
            let multipart_fields = "Content-Type: multipart/form-data; boundary=\"b\"\r\n";
            for (fields, body) in [(fields, urlencoded), (multipart_fields, multipart)] {
                for cut in [0, body.len() / 2, body.len() - 3] {
                    let uses = used("/v1/anything", fields, body.as_bytes(), cut);
                    let found: Vec<_> =
                        uses.iter().map(|it| (it.id.as_str(), it.is_conversation)).collect();
                    assert_eq!(found, [(ID, kind.is_conversation)], "{}: {body}", kind.name);
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 80, "{seen} forms");
}

#[test]
fn documents_within_forms_are_read() {
    let document = format!(r#"{{"params":{{"id":"{ID}"}}}}"#);
    let escaped = document.replace('"', "%22");
    let related = format!(
        "--x\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{document}\r\n--x\r\nContent-Type: text/plain\r\n\r\n{{\"thread_id\":\"no\"}}\r\n--x--"
    );
    for (kind, body) in [
        ("application/x-www-form-urlencoded", format!("a=b&payload={escaped}")),
        ("multipart/related; boundary=x", related),
        // What clients like curl call a form.
        ("application/x-www-form-urlencoded", document.clone()),
        ("text/plain;charset=UTF-8", format!("\n {document}")),
    ] {
        let fields = format!("Content-Type: {kind}\r\n");
        for cut in 0..body.len() {
            let uses = used("/v1/anything", &fields, body.as_bytes(), cut);
            let ids: Vec<&str> = uses.iter().map(|used| used.id.as_str()).collect();
            assert_eq!(ids, [ID], "{kind} cut at {cut}");
        }
    }
}

#[test]
fn a_wrong_label_hides_no_id() {
    let document = format!(r#"{{"object":"response","id":"{ID}"}}"#);
    let stream = format!("event: response.created\ndata: {document}\n\ndata: [DONE]\n\n");
    for (label, body) in [
        ("Content-Type: text/event-stream\r\n", document.clone()),
        ("Content-Type: text/event-stream\r\n", format!("\r\n\u{feff} {document}")),
        ("Content-Type: application/json\r\n", stream.clone()),
        ("Content-Type: application/json\r\n", format!(": begin\n\n{stream}")),
        ("Content-Type: text/plain\r\n", document.clone()),
        ("Content-Type: text/html; charset=utf-8\r\n", document.clone()),
        ("Content-Type: text/plain\r\n", stream.clone()),
        ("", document.clone()),
    ] {
        for cut in 0..body.len() {
            assert_eq!(learned(label, body.as_bytes(), cut), [ID], "{label}{body} cut at {cut}");
        }
    }
    for body in ["<html>{\"id\":\"no\"}</html>", "Hi {\"id\":\"no\"}", ""] {
        assert!(learned("Content-Type: text/html\r\n", body.as_bytes(), 3).is_empty(), "{body}");
    }
}

#[test]
fn what_a_response_made_is_found_by_its_address() {
    let id = "f508bcf2-e651-4b4b-85a7";
    for (status, field, address) in [
        (
            202,
            "Operation-Location",
            format!("https://h/openai/operations/images/{id}?api-version=1"),
        ),
        (202, "Location", format!("/jobs/status/{id}")),
        (201, "Content-Location", format!("/agent/v2/work/{id}/result")),
        (202, "Azure-AsyncOperation", format!("https://h/subscriptions/{id}")),
    ] {
        let text =
            format!("HTTP/1.1 {status} x\r\n{field}: {address}\r\nContent-Length: 0\r\n\r\n");
        let parsed = ResponseHead::parse(text.as_bytes(), false, LIMITS, Vec::new());
        let Ok(Status::Complete(head)) = parsed else { panic!("no head: {text}") };
        let ids = issued_in_head(text.as_bytes(), &head, "/agent/v2/work");
        assert!(ids.iter().any(|it| it == id), "{text}{ids:?}");
        let path = address.strip_prefix("https://h").unwrap_or(&address);
        for target in [path.to_owned(), format!("{path}/content"), format!("/other/{id}:cancel")] {
            let uses = used(&target, "", b"", 0);
            assert!(uses.iter().any(|used| used.id == id), "{target}: {uses:?}");
        }
    }
    // A redirect makes nothing, and does not tie its target to a release.
    let fields = "Location: /login/12345678\r\n";
    assert!(learned(fields, b"", 0).is_empty());
}
