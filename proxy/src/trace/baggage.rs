//! W3C Baggage: the client's members, and those that tell deeper services where the request was
//! sent (<https://www.w3.org/TR/baggage/>).

use crate::http1::tokens;
use stagegate_flags::FlagsSent;

/// The most members and bytes of baggage that must be passed on whole (W3C Baggage 3.3.2).
const MAX_MEMBERS: usize = 64;
const MAX_BYTES: usize = 8192;
/// Members that only the proxy may say.
const ARM: &[u8] = b"stagegate.arm";
const RELEASE: &[u8] = b"stagegate.release";

/// `flags` are members, each with its comma, and their number.
///
/// Appends a `baggage` field: the client's members as they came, less what only the proxy may say,
/// and then the proxy's own, if all of it is within the limits. The client's members stay in any
/// case. Appends nothing when there is nothing to say.
pub(crate) fn write_baggage<'a>(
    out: &mut Vec<u8>,
    given: impl Iterator<Item = &'a [u8]>,
    (arm, release): (&str, &str),
    (flags, count): (&str, usize),
) {
    const NAME: &[u8] = b"baggage: ";
    let begin = out.len();
    out.extend_from_slice(NAME);
    let mut members = 0;
    for member in given.flat_map(tokens).filter(|member| !is_reserved(member)) {
        out.extend_from_slice(member);
        out.push(b',');
        members += 1;
    }
    let own = ARM.len() + arm.len() + RELEASE.len() + release.len() + 3;
    if members + 2 <= MAX_MEMBERS && out.len() - begin - NAME.len() + own <= MAX_BYTES {
        // Names of releases have no character that would have to be encoded.
        for part in [ARM, b"=", arm.as_bytes(), b",", RELEASE, b"=", release.as_bytes(), b","] {
            out.extend_from_slice(part);
        }
        members += 2;
    }
    // All flags or none: a part of them would pass for the whole.
    if members + count <= MAX_MEMBERS && out.len() - begin - NAME.len() + flags.len() <= MAX_BYTES {
        out.extend_from_slice(flags.as_bytes());
        members += count;
    }
    if members == 0 {
        return out.truncate(begin);
    }
    out.pop();
    out.extend_from_slice(b"\r\n");
}

fn is_reserved(member: &[u8]) -> bool {
    let key = member.split(|&b| b == b'=').next().unwrap_or_default().trim_ascii();
    key == ARM || key == RELEASE || key.starts_with(FlagsSent::MEMBER.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::write_baggage;
    use proptest::prelude::proptest;

    fn written(given: &[&str]) -> String {
        let mut out = b"before\r\n".to_vec();
        write_baggage(&mut out, given.iter().map(|it| it.as_bytes()), ("candidate", "v2"), ("", 0));
        let text = String::from_utf8(out).expect("text");
        text.strip_prefix("before\r\n").expect("what was there stays").to_owned()
    }

    #[test]
    fn the_proxys_members_come_after_the_clients() {
        let own = "stagegate.arm=candidate,stagegate.release=v2\r\n";
        assert_eq!(written(&[]), format!("baggage: {own}"));
        assert_eq!(
            written(&["user=a%20b;p=1 , k2 = v", "", "session.id=7"]),
            format!("baggage: user=a%20b;p=1,k2 = v,session.id=7,{own}")
        );
    }

    #[test]
    fn nobody_else_says_the_arm() {
        assert_eq!(
            written(&["stagegate.arm=stable, a=1,stagegate.release = v1;x=y", "stagegate.arm"]),
            "baggage: a=1,stagegate.arm=candidate,stagegate.release=v2\r\n"
        );
        assert!(written(&["stagegate.army=1"]).contains("stagegate.army=1"));
    }

    #[test]
    fn flags_are_members_that_only_the_proxy_says() {
        let mut out = Vec::new();
        let given = ["stagegate.flag.prompt=off,a=1"].map(str::as_bytes);
        let flags = ("stagegate.flag.prompt=on,", 1);
        write_baggage(&mut out, given.into_iter(), ("stable", "v1"), flags);
        let own = "stagegate.arm=stable,stagegate.release=v1,stagegate.flag.prompt=on";
        assert_eq!(String::from_utf8(out).expect("text"), format!("baggage: a=1,{own}\r\n"));
    }

    #[test]
    fn what_would_be_too_much_is_left_out_and_the_clients_part_stays() {
        let many = |count: usize| vec!["a=1"; count].join(",");
        assert!(written(&[&many(62)]).ends_with("stagegate.release=v2\r\n"));
        assert_eq!(written(&[&many(63)]), format!("baggage: {}\r\n", many(63)));
        let long = "v".repeat(8192);
        assert_eq!(written(&[&long]), format!("baggage: {long}\r\n"));
        let room = 8192 - ",stagegate.arm=candidate,stagegate.release=v2".len();
        assert!(written(&[&long[..room]]).ends_with("stagegate.release=v2\r\n"));
        assert!(!written(&[&long[..=room]]).contains("stagegate"));
    }

    proptest! {
        #[test]
        fn a_clients_members_stay_in_order_and_the_field_is_one_line(
            members in proptest::collection::vec("[a-z]{1,5}=[!-+.-~]{0,9}", 0..70),
        ) {
            let field = written(&[&members.join(",")]);
            assert_eq!(field.matches("\r\n").count(), 1);
            let value = field.trim_end().strip_prefix("baggage: ").expect("a field");
            let kept: Vec<&str> =
                value.split(',').filter(|it| !it.starts_with("stagegate.")).collect();
            assert_eq!(kept, members);
        }
    }
}
