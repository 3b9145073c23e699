//! Families in the Prometheus text format, for figures that are kept here.

use crate::names::{Kind, Metric};
use std::fmt::Write as _;

/// Nano-dollars as dollars.
pub(crate) fn dollars(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// Appends a family of counters; nothing if it has no samples.
pub(crate) fn family<'a, const N: usize>(
    text: &mut String,
    metric: &Metric,
    samples: impl Iterator<Item = ([&'a str; N], String)>,
) {
    let Metric { name, help, .. } = metric;
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String cannot fail, here and below.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n", Kind::Counter.label());
    for (values, value) in samples {
        let present = metric.labels.iter().zip(values).filter(|(_, value)| !value.is_empty());
        let labels: Vec<String> =
            present.map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(text, "{name}{{{}}} {value}", labels.join(","));
    }
    text.push('\n');
}

/// A label value, escaped for the text format. A tenant may have any name.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn dollars_are_exact_to_the_nano() {
        assert_eq!(dollars(0), "0.000000000");
        assert_eq!(dollars(1), "0.000000001");
        assert_eq!(dollars(12_500_000_000), "12.500000000");
    }
}
