//! Backends that break HTTP's rules, by mistake or on purpose: whatever they send, nobody gets an
//! answer to another request, and nothing of an answer's framing is left to the client to guess.

use crate::harness::{
    Backend, End, Exchange, Setup, Stagegate, Wire, Workload, eventually, request,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a later request must never be answered with.
const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// What the client may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    /// This status and body, whole.
    Answer(u16, &'static str),
    /// The proxy's own 502.
    Refusal,
    /// An answer that plainly breaks off, or the proxy's own 502.
    Break,
}

struct Case {
    name: String,
    method: &'static str,
    /// What the backend sends at once.
    bytes: Vec<u8>,
    /// What it sends after that, unasked.
    late: &'static str,
    closes: bool,
    sees: Sees,
}

fn case(name: impl Into<String>, sees: Sees, bytes: impl Into<Vec<u8>>) -> Case {
    let (name, bytes) = (name.into(), bytes.into());
    Case { name, method: "GET", bytes, late: "", closes: false, sees }
}

/// A 200 with these fields and `hello` after them.
fn fields(name: &str, sees: Sees, fields: &str) -> Case {
    case(name, sees, format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nhello"))
}

/// A chunked 200 with this body.
fn chunked(name: &str, sees: Sees, body: &str) -> Case {
    case(name, sees, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"))
}

/// An answer that begins with this line.
fn line(name: &str, bytes: &str) -> Case {
    case(name, Sees::Refusal, format!("{bytes}\r\nContent-Length: 5\r\n\r\nhello"))
}

fn cut(case: Case) -> Case {
    Case { closes: true, ..case }
}

fn all() -> Vec<Case> {
    [framing(), chunks(), heads(), interim(), splits()].into_iter().flatten().collect()
}

fn framing() -> Vec<Case> {
    use Sees::{Answer, Break, Refusal};
    let hello = Answer(200, "hello");
    vec![
        fields("a sound answer", hello, "Content-Length: 5"),
        fields("two lengths that agree", hello, "Content-Length: 5\r\nContent-Length: 5"),
        fields("two lengths that differ", Refusal, "Content-Length: 5\r\nContent-Length: 50"),
        fields("a list of lengths", Refusal, "Content-Length: 5, 5"),
        fields("a negative length", Refusal, "Content-Length: -5"),
        fields("a length with a plus", Refusal, "Content-Length: +5"),
        fields("a hexadecimal length", Refusal, "Content-Length: 0x5"),
        fields("a length that may be octal", Refusal, "Content-Length: 05"),
        fields("an empty length", Refusal, "Content-Length: "),
        fields("a length with a space inside", Refusal, "Content-Length: 5 5"),
        fields("a length beyond 64 bits", Refusal, "Content-Length: 99999999999999999999999"),
        fields("length and chunked", Refusal, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        fields("chunked and length", Refusal, "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        fields(
            "chunked twice",
            Refusal,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
        fields("compressed and chunked", Refusal, "Transfer-Encoding: gzip, chunked"),
        fields("identity", Refusal, "Transfer-Encoding: identity"),
        fields("an unknown coding", Refusal, "Transfer-Encoding: xchunked"),
        fields("a coding in quotes", Refusal, "Transfer-Encoding: \"chunked\""),
        fields("a coding after a vertical tab", Refusal, "Transfer-Encoding: \u{b}chunked"),
        fields("a coding on a folded line", Refusal, "Transfer-Encoding:\r\n chunked"),
        fields(
            "Connection names the length",
            Refusal,
            "Connection: content-length\r\nContent-Length: 5",
        ),
        fields(
            "Connection names the coding",
            Refusal,
            "Connection: transfer-encoding\r\nTransfer-Encoding: chunked",
        ),
        case(
            "chunked in HTTP/1.0",
            Refusal,
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
        cut(fields("less than the length says", Break, "Content-Length: 50")),
        cut(case("no head", Refusal, "")),
        cut(case("half a head", Refusal, "HTTP/1.1 200 OK\r\nContent-Le")),
        cut(case("until close", Answer(200, "all"), "HTTP/1.1 200 OK\r\n\r\nall")),
    ]
}

fn chunks() -> Vec<Case> {
    use Sees::{Answer, Break};
    let hello = Answer(200, "hello");
    let mut cases = vec![
        chunked("a sound chunked answer", hello, "5\r\nhello\r\n0\r\n\r\n"),
        chunked("extensions", hello, "5;a=b\r\nhello\r\n0;c\r\n\r\n"),
        chunked("trailers that frame", hello, "5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n"),
        chunked("trailers of state", hello, "5\r\nhello\r\n0\r\nSet-Cookie: a=b\r\n\r\n"),
        cut(chunked("no last chunk", Break, "5\r\nhello\r\n")),
        cut(chunked("half a chunk", Break, "5\r\nhe")),
        cut(chunked("half the trailers", Break, "5\r\nhello\r\n0\r\nX-A: b\r\n")),
    ];
    for (name, body) in [
        ("a size that is no number", "zz\r\nhello\r\n0\r\n\r\n"),
        ("a negative size", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("a size after a space", " 5\r\nhello\r\n0\r\n\r\n"),
        ("an empty size", "\r\nhello\r\n0\r\n\r\n"),
        ("a size that wraps to small", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("the largest 64-bit size", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        ("more data than the size says", "3\r\nhello\r\n0\r\n\r\n"),
        ("no line end after the data", "5\r\nhello0\r\n\r\n"),
        ("a bare LF after the size", "5\nhello\r\n0\r\n\r\n"),
        ("a bare LF after the data", "5\r\nhello\n0\r\n\r\n"),
        ("a bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("a bare LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("a trailer without a colon", "5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
        ("a trailer with a bare LF", "5\r\nhello\r\n0\r\nX-A: b\n\r\n"),
    ] {
        cases.push(chunked(name, Break, body));
    }
    cases
}

fn heads() -> Vec<Case> {
    use Sees::Refusal;
    let sized =
        |name: &str, text: &str| fields(name, Refusal, &format!("{text}\r\nContent-Length: 5"));
    let many: String = (0..1100).map(|number| format!("X-{number}: 1\r\n")).collect();
    vec![
        line("another version", "HTTP/2.0 200 OK"),
        line("an old protocol", "ICY 200 OK"),
        line("a status of two digits", "HTTP/1.1 20 OK"),
        line("a status of four digits", "HTTP/1.1 2000 OK"),
        line("a status below 100", "HTTP/1.1 099 OK"),
        line("a status above 599", "HTTP/1.1 600 OK"),
        line("a status that is no number", "HTTP/1.1 abc OK"),
        line("no status", "HTTP/1.1"),
        line("a reason with a NUL", "HTTP/1.1 200 O\0K"),
        line("a reason with a bare CR", "HTTP/1.1 200 O\rK"),
        line("a line that ends with LF", "HTTP/1.1 200 OK\nX-A: b"),
        case("another protocol", Refusal, "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        case("zero bytes", Refusal, vec![0; 64]),
        sized("a field without a colon", "no colon"),
        sized("a space before the colon", "X-A : b"),
        sized("a folded line", "X-A: b\r\n c"),
        sized("a bare LF between fields", "X-A: b\nX-B: c"),
        sized("a bare CR in a value", "X-A: b\rSet-Cookie: c"),
        sized("a NUL in a value", "X-A: b\0c"),
        sized("a NUL in a name", "X\0A: b"),
        sized("an empty name", ": b"),
        sized("more fields than anyone sends", many.trim_end()),
        sized("a head without an end", &format!("X-A: {}", "b".repeat(200_000))),
    ]
}

fn interim() -> Vec<Case> {
    use Sees::{Answer, Refusal};
    let (early, ok) = ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 200 OK\r\n");
    let hello = format!("{ok}Content-Length: 5\r\n\r\nhello");
    let switching =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";
    vec![
        case("an interim answer", Answer(200, "hello"), format!("{early}{hello}")),
        case("as many as anyone sends", Answer(200, "hello"), early.repeat(100) + &hello),
        case("more than anyone waits for", Refusal, early.repeat(101) + &hello),
        case("a flood of them", Refusal, early.repeat(20_000)),
        case(
            "an interim answer with a length and a body",
            Refusal,
            format!("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello{hello}"),
        ),
        case("a switch that nobody asked for", Refusal, switching),
        case("a switch after an interim answer", Refusal, format!("{early}{switching}")),
        cut(case("nothing after an interim answer", Refusal, early)),
    ]
}

/// More than one answer, or an answer with a body where none may be.
fn splits() -> Vec<Case> {
    use Sees::Answer;
    let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let (none, body) = (Answer(204, ""), Answer(200, "hello"));
    let mut cases = vec![
        case("two answers at once", body, format!("{hello}{POISON}")),
        Case { late: POISON, ..case("an answer, and then another", body, hello) },
        Case { late: "\r\n", ..case("an answer, and then a line end", body, hello) },
        case("more than the length says", body, hello.to_owned() + "more"),
        case("204 with an answer as its body", none, format!("HTTP/1.1 204 None\r\n\r\n{POISON}")),
        case(
            "204 with a length",
            none,
            format!("HTTP/1.1 204 None\r\nContent-Length: 51\r\n\r\n{POISON}"),
        ),
        case(
            "204 in chunks",
            none,
            format!("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{POISON}"),
        ),
        case(
            "304 with an answer as its body",
            Answer(304, ""),
            format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 51\r\n\r\n{POISON}"),
        ),
        case(
            "an answer after the last chunk",
            body,
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{POISON}"
            ),
        ),
    ];
    for (name, late) in [("HEAD with a body", "hello"), ("HEAD with an answer as its body", POISON)]
    {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let both = format!("{head}{late}");
        let empty = Answer(200, "");
        cases.push(Case { method: "HEAD", ..case(format!("{name}, at once"), empty, both) });
        cases.push(Case { method: "HEAD", late, ..case(format!("{name}, later"), empty, head) });
    }
    cases
}

#[tokio::test]
async fn no_answer_is_taken_for_another_requests() {
    let cases = Arc::new(all());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "every case has a name of its own");
    let unasked = Arc::new(AtomicUsize::new(0));
    let (table, sent) = (Arc::clone(&cases), Arc::clone(&unasked));
    let backend = Backend::with("stable", async move |exchange| {
        play(exchange, &table, &sent).await;
    });
    // One worker, one pool: what is left on a connection is the next request's trap.
    let setup = Setup::of(Workload::new(&backend).with("retry", "{ stale: off }"));
    let stagegate = Stagegate::start(&setup.with("workers", "1")).await;
    let (mut wrong, mut late) = (Vec::new(), 0);
    for (number, case) in cases.iter().enumerate() {
        let mut wire = stagegate.connect().await;
        wire.send(request(&format!("{} /{number}", case.method), &[])).await;
        let seen = look(&mut wire, case.method).await;
        late += usize::from(!case.late.is_empty());
        eventually("what comes unasked", || unasked.load(Ordering::SeqCst) == late).await;
        if !fits(case.sees, &seen) {
            wrong.push(format!("{}: {seen:?}, not {:?}", case.name, case.sees));
        }
        for _ in 0..2 {
            let next = stagegate.get("/next", &[]).await;
            if (next.status(), next.text().as_str()) != (200, "next") {
                wrong.push(format!("{}: then {} {}", case.name, next.status(), next.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{} cases", cases.len());
    assert_eq!(backend.arrivals(), 3 * cases.len(), "each request arrives once");
}

async fn play(exchange: &mut Exchange, cases: &[Case], unasked: &AtomicUsize) {
    exchange.body().await;
    let target = exchange.request.target().trim_start_matches('/').parse::<usize>();
    let Some(case) = target.ok().map(|number| &cases[number]) else {
        return exchange.reply("200 OK", &[], b"next").await;
    };
    exchange.send(&case.bytes).await;
    if !case.late.is_empty() {
        exchange.send(case.late).await;
        unasked.fetch_add(1, Ordering::SeqCst);
    }
    if case.closes {
        exchange.close();
    }
}

/// Status, whether the answer is the proxy's own, the body, and how it ended.
type Seen = (u16, bool, String, End);

async fn look(wire: &mut Wire, method: &str) -> Option<Seen> {
    let response = wire.try_response(method).await.ok()?;
    let framed =
        response.head.all("content-length").len() + response.head.all("transfer-encoding").len();
    assert!(framed <= 1, "{:?}", response.head);
    let own = response.reason().is_some();
    assert!(response.body.trailers.is_empty(), "{:?}", response.body.trailers);
    Some((response.status(), own, response.text(), response.body.end))
}

fn fits(sees: Sees, seen: &Option<Seen>) -> bool {
    match (sees, seen) {
        (Sees::Answer(status, body), Some((got, false, text, End::Complete))) => {
            (status, body) == (*got, text.as_str())
        }
        (Sees::Refusal | Sees::Break, Some((502, true, ..))) => true,
        (Sees::Break, Some((_, false, _, end))) => *end != End::Complete,
        (Sees::Break, None) => true,
        _ => false,
    }
}

#[tokio::test]
async fn bodies_that_servers_overlook_end_their_connection() {
    // The backend answers without looking at the body, and takes it for a request (CL.0).
    let backend = Backend::with("stable", async |exchange| {
        let text = exchange.request.target().to_owned();
        exchange.reply("200 OK", &[], text.as_bytes()).await;
    });
    let setup = Setup::of(Workload::new(&backend)).with("workers", "1");
    let stagegate = Stagegate::start(&setup).await;
    let inner = request("GET /poison", &[]);
    let length = inner.len().to_string();
    for method in ["GET", "DELETE", "OPTIONS"] {
        let outer = request(&format!("{method} /outer"), &[("content-length", &length)]);
        let first = stagegate.connect().await.ask(&(outer + &inner)).await;
        assert_eq!(first.text(), "/outer", "{method}");
        for _ in 0..3 {
            assert_eq!(stagegate.get("/next", &[]).await.text(), "/next", "{method}");
        }
    }
    // An answer that comes before the body can have been read.
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /early", &[("content-length", &length)])).await;
    assert_eq!(wire.response("POST").await.text(), "/early");
    let _ = wire.try_send(&inner).await;
    for _ in 0..3 {
        assert_eq!(stagegate.get("/next", &[]).await.text(), "/next");
    }
}
