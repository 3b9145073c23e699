//! The report as JUnit XML.

use super::{Became, Report};
use std::fmt::Write;

pub(super) fn write(report: &Report) -> String {
    let fell = report.that(Became::Fell).count();
    let skipped = report.that(Became::StillFailing).count();
    let errors = report.incomparable.len();
    let all = report.cases.len() + errors;
    let counts =
        format!(r#"tests="{all}" failures="{fell}" errors="{errors}" skipped="{skipped}""#);
    let suite = escaped(&format!("{} against {}", report.candidate, report.baseline));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  \
         <testsuite name=\"{suite}\" {counts}>\n"
    );
    for case in &report.cases {
        let id = escaped(&case.id);
        let why = escaped(case.why.as_deref().unwrap_or("passed before and fails now"));
        let inner = match case.became {
            Became::Held | Became::Gained => String::new(),
            Became::Fell => format!("<failure message=\"{why}\" type=\"fell\"/>"),
            Became::StillFailing => "<skipped message=\"fails in both runs\"/>".to_owned(),
        };
        test_case(&mut xml, &id, &inner);
    }
    for case in &report.incomparable {
        let inner = format!("<error message=\"{}\" type=\"incomparable\"/>", escaped(&case.why));
        test_case(&mut xml, &escaped(&case.id), &inner);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn test_case(xml: &mut String, id: &str, inner: &str) {
    // Writing to a text cannot fail.
    let _ = if inner.is_empty() {
        writeln!(xml, "    <testcase classname=\"eval\" name=\"{id}\"/>")
    } else {
        writeln!(xml, "    <testcase classname=\"eval\" name=\"{id}\">{inner}</testcase>")
    };
}

/// For an attribute's value. Characters that XML 1.0 cannot hold become U+FFFD, escaped or not.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
