//! Identity fields as the backend may read them: one of each, believed or withheld.

use super::reading::{Reading, plain};
use crate::http1::RequestHead;
use crate::problem::Problem;
use crate::tap::EVAL_HEADER;
use stagegate_settings::{Identity, Source};

/// Fields that prove themselves to the backend. They go on, whoever sends them.
const CREDENTIALS: [&str; 5] =
    ["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// What a peer whose word does not count says it is: kept for people, used for nothing.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) tenant: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) conversation: Option<String>,
    /// It says something of a tenant or a user.
    pub(crate) restricts: bool,
}

/// Looks at the identity fields of a head before anybody reads them. Those of a peer that is not
/// believed are withheld, from the proxy's rules and from the backend, and so are names that some
/// backends take for them. Gives what was claimed, if anything was withheld.
///
/// # Errors
/// When a believed field could be read in two ways: it is repeated, too long, no UTF-8, or named by
/// `Connection`, so that the backend would not see it.
pub(crate) fn screen(
    head: &[u8],
    request: &mut RequestHead,
    identity: &Identity,
    believed: bool,
    trusted: bool,
) -> Result<Option<Claims>, Problem> {
    let mut claims = None;
    for (kind, sources) in
        [&identity.tenant, &identity.user, &identity.conversation].into_iter().enumerate()
    {
        for source in sources {
            let Source::Header(name) = source else { continue };
            withhold(head, request, |field| is_look_alike(field, name));
            if believed {
                check(head, request, name)?;
                continue;
            }
            let Some(value) = request.field(head, name) else { continue };
            let said = plain(value);
            let claims = claims.get_or_insert_with(Claims::default);
            claims.restricts |= kind < 2;
            let [tenant, user, conversation] =
                [&mut claims.tenant, &mut claims.user, &mut claims.conversation];
            let claim = [tenant, user, conversation].into_iter().nth(kind);
            if let (Reading::Id(id), Some(claim)) = (said, claim) {
                claim.get_or_insert(id);
            }
        }
    }
    if !believed {
        withhold(head, request, |field| {
            let names = identity.sources().filter_map(|source| match source {
                Source::Header(name) if !CREDENTIALS.contains(&name.as_str()) => Some(name),
                _ => None,
            });
            names.into_iter().any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
        });
    }
    if !trusted {
        withhold(head, request, |field| {
            field.eq_ignore_ascii_case(EVAL_HEADER.as_bytes()) || is_look_alike(field, EVAL_HEADER)
        });
    }
    Ok(claims)
}

fn withhold(head: &[u8], request: &mut RequestHead, is: impl Fn(&[u8]) -> bool) {
    for field in &mut request.fields {
        field.withheld |= is(field.name(head));
    }
}

/// The same name with `_` for `-`, which CGI's descendants take for the same.
fn is_look_alike(field: &[u8], name: &str) -> bool {
    let same = |(a, b): (&u8, u8)| {
        a.eq_ignore_ascii_case(&b) || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'))
    };
    field.len() == name.len()
        && field.iter().zip(name.bytes()).all(same)
        && !field.eq_ignore_ascii_case(name.as_bytes())
}

fn check(head: &[u8], request: &RequestHead, name: &str) -> Result<(), Problem> {
    let named = |field: &&crate::http1::Field| {
        !field.withheld && field.name(head).eq_ignore_ascii_case(name.as_bytes())
    };
    let mut fields = request.fields.iter().filter(named);
    let Some(field) = fields.next() else { return Ok(()) };
    let bad = |why| Err(Problem::BadRequest(why));
    if fields.next().is_some() {
        return bad("more than one of an identity field");
    }
    if field.nominated {
        return bad("Connection names an identity field");
    }
    // A credential is read as an identity, and is as long as it is.
    if plain(field.value(head)) == Reading::Unreadable && !CREDENTIALS.contains(&name) {
        return bad("an identity field is longer than 256 bytes or not UTF-8");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Claims, screen};
    use crate::http1::{HeadLimits, RequestHead};
    use stagegate_settings::{Identity, Source};

    fn identity() -> Identity {
        Identity {
            tenant: vec![Source::Header("x-tenant-id".into())],
            user: vec![Source::Header("authorization".into())],
            ..Identity::default()
        }
    }

    /// The tenant that is read afterwards; none where it is refused.
    fn screened(lines: &str, believed: bool) -> Option<(Option<String>, Option<Claims>)> {
        let text = [b"GET / HTTP/1.1\r\nHost: h\r\n", lines.as_bytes(), b"\r\n"].concat();
        let mut head = RequestHead::default();
        head.parse(&text, HeadLimits { bytes: 8192, fields: 50 }).expect("accepted");
        let claims = screen(&text, &mut head, &identity(), believed, false).ok()?;
        let tenant = head.field(&text, "x-tenant-id").map(|v| String::from_utf8_lossy(v).into());
        assert!(head.field(&text, "stagegate-eval").is_none(), "not trusted");
        assert!(head.field(&text, "x_tenant_id").is_none(), "withheld");
        if lines.contains("Authorization") && believed {
            assert!(head.field(&text, "authorization").is_some(), "a credential goes on");
        }
        Some((tenant, claims))
    }

    #[test]
    fn a_believed_field_is_read_in_one_way_or_refused() {
        for (lines, expected) in [
            ("X-Tenant-Id: medco\r\n", Some("medco")),
            ("x-tenant-id: a, b\r\n", Some("a, b")),
            ("x-tenant-id: \r\n", Some("")),
            ("x_tenant_id: medco\r\nx-tenant-id: other\r\nstagegate-eval: 1\r\n", Some("other")),
            ("x-tenant_id: medco\r\nAuthorization: Bearer x\r\n", None),
        ] {
            let (tenant, claims) = screened(lines, true).expect(lines);
            assert_eq!(tenant.as_deref(), expected, "{lines}");
            assert!(claims.is_none());
        }
        let long = format!("x-tenant-id: {}\r\n", "m".repeat(257));
        for lines in [
            "x-tenant-id: other\r\nx-tenant-id: medco\r\n",
            "x-tenant-id: \r\nX-TENANT-ID: medco\r\n",
            "Connection: close, X-Tenant-Id\r\nx-tenant-id: medco\r\n",
            &long,
        ] {
            assert!(screened(lines, true).is_none(), "{lines}");
        }
    }

    #[test]
    fn a_strangers_field_is_withheld_and_what_it_claims_is_kept() {
        let lines = "x-tenant-id: insider\r\nx-tenant-id: two\r\nAuthorization: Bearer x\r\n";
        let (tenant, claims) = screened(lines, false).expect("not refused");
        assert_eq!(tenant, None);
        assert_eq!(claims.expect("claimed").tenant.as_deref(), Some("insider"));
        assert!(screened("", false).expect("fine").1.is_none());
    }
}
