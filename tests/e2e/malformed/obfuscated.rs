//! Framing fields in disguise (TE.TE, CL.TE, TE.CL): each disguise is one that some server has
//! read through and another has not.

use super::cases::{BAD, CODING, Case, case};

/// A coding that is not plainly `chunked`, alone and beside a length. Whoever reads it as chunked
/// finds a request after the last chunk; whoever does not finds a body of `Content-Length` bytes.
pub(super) fn all() -> Vec<Case> {
    let body = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: agents.test\r\n\r\n";
    let send = |name: String, status, fields: &str| {
        let head = "POST /bad HTTP/1.1\r\nHost: agents.test\r\n";
        case(name, status, format!("{head}{fields}\r\n\r\n{body}").into_bytes())
    };
    let disguises = [
        ("a leading comma", CODING, "Transfer-Encoding: ,chunked"),
        ("a trailing comma", CODING, "Transfer-Encoding: chunked,"),
        ("an empty element", CODING, "Transfer-Encoding: , chunked"),
        ("a semicolon", CODING, "Transfer-Encoding: chunked;"),
        ("a word before", CODING, "Transfer-Encoding: x chunked"),
        ("a word after", CODING, "Transfer-Encoding: chunked x"),
        ("single quotes", CODING, "Transfer-Encoding: 'chunked'"),
        ("brackets", CODING, "Transfer-Encoding: [chunked]"),
        ("a dash", CODING, "Transfer-Encoding: chunked-"),
        ("a form feed", BAD, "Transfer-Encoding: \u{c}chunked"),
        ("a form feed after", BAD, "Transfer-Encoding: chunked\u{c}"),
        ("a vertical tab after", BAD, "Transfer-Encoding: chunked\u{b}"),
        ("a no-break space", CODING, "Transfer-Encoding: \u{a0}chunked"),
        ("a byte order mark", CODING, "Transfer-Encoding: \u{feff}chunked"),
        ("a Kelvin sign", CODING, "Transfer-Encoding: chun\u{212a}ed"),
        ("a long s", BAD, "Tran\u{17f}fer-Encoding: chunked"),
        ("a NUL before the name", BAD, "\0Transfer-Encoding: chunked"),
        ("a NUL in the name", BAD, "Transfer\0-Encoding: chunked"),
        ("a tab before the colon", BAD, "Transfer-Encoding\t: chunked"),
        ("a carriage return before the name", BAD, "X: 1\r\rTransfer-Encoding: chunked"),
        ("a line feed before the name", BAD, "X: 1\nTransfer-Encoding: chunked"),
        ("a line feed in the value", BAD, "Transfer-Encoding: x\nchunked"),
        ("a folded value", BAD, "Transfer-Encoding: x\r\n chunked"),
        ("the coding twice", CODING, "Transfer-Encoding: chunked\r\nTransfer-encoding: cow"),
        (
            "the coding twice, last good",
            CODING,
            "Transfer-Encoding: cow\r\nTransfer-encoding: chunked",
        ),
        ("identity and chunked", CODING, "Transfer-Encoding: identity, chunked"),
        ("a name with a space", BAD, "Transfer Encoding: chunked"),
        ("a nominated coding", BAD, "Transfer-Encoding: chunked\r\nConnection: transfer-encoding"),
    ];
    disguises
        .into_iter()
        .flat_map(|(name, status, coding)| {
            let length = format!("Content-Length: {}", body.len());
            [
                send(format!("coding with {name}"), status, coding),
                send(
                    format!("coding with {name}, then the length"),
                    CODING,
                    &format!("{coding}\r\n{length}"),
                ),
                send(
                    format!("the length, then coding with {name}"),
                    CODING,
                    &format!("{length}\r\n{coding}"),
                ),
            ]
        })
        .collect()
}
