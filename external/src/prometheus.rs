//! Answers of Prometheus' instant queries: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use crate::text::shown;
use crate::{Answer, Question};
use serde::Deserialize;
use stagegate_rollout::StableValue;
use std::collections::BTreeMap;

/// A value that is older says nothing of the present, in seconds. A cache between may serve one.
const OLDEST_S: f64 = 300.0;

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", tag = "resultType", content = "result")]
enum Data {
    Vector(Vec<Sample>),
    Scalar((f64, String)),
    Matrix(serde::de::IgnoredAny),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// The series of an answer; a scalar is one without labels.
fn series(body: &[u8]) -> Result<Vec<Sample>, String> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|_| "the answer is not that of a Prometheus API".to_owned())?;
    if body.status != "success" {
        return Err(format!("the query was refused: {}", shown(&body.error)));
    }
    match body.data {
        Some(Data::Vector(series)) => Ok(series),
        Some(Data::Scalar(value)) => Ok(vec![Sample { metric: BTreeMap::new(), value }]),
        Some(Data::Matrix(_) | Data::String(_)) => {
            Err("the query gives a range or a text: write one that gives an instant vector"
                .to_owned())
        }
        None => Err("the answer has no data".to_owned()),
    }
}

/// The number of a sample, if it is one and of now.
fn number(sample: &Sample, now_s: f64) -> Result<f64, String> {
    let (at_s, text) = &sample.value;
    let age_s = now_s - at_s;
    if age_s > OLDEST_S {
        return Err(format!("the value is {age_s:.0} s old: a cache, or another clock"));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("the value is {}", shown(text)))
}

/// The one value of an answer without labels.
pub(crate) fn only(body: &[u8], now_s: f64) -> Result<f64, String> {
    let series = series(body)?;
    match series.as_slice() {
        [] => Err("the query gives no series".to_owned()),
        [one] => number(one, now_s),
        many => Err(format!(
            "the query gives {} series: aggregate them to one, or name the `label` that tells releases apart",
            many.len()
        )),
    }
}

/// The value of the series whose label has this value.
fn labelled(series: &[Sample], label: &str, release: &str, now_s: f64) -> Result<f64, String> {
    let its = |sample: &&Sample| sample.metric.get(label).is_some_and(|value| value == release);
    let found: Vec<&Sample> = series.iter().filter(its).collect();
    match found.as_slice() {
        [] => Err(format!("the query gives no series with {label}=\"{release}\"")),
        [one] => number(one, now_s),
        many => Err(format!("the query gives {} series with {label}=\"{release}\"", many.len())),
    }
}

/// What the answer to the question's query says of both releases.
pub(crate) fn read(question: &Question, body: &[u8], now_s: f64) -> Answer {
    let StableValue::Label(label) = &question.value.stable else {
        return match only(body, now_s) {
            Ok(value) => Answer { candidate: Some(value), ..Answer::default() },
            Err(why) => Answer::none(why),
        };
    };
    let series = match series(body) {
        Ok(series) => series,
        Err(why) => return Answer::none(why),
    };
    let of = |release: &str| labelled(&series, label, release, now_s);
    let (candidate, stable) = (of(&question.candidate), of(&question.stable));
    let why = candidate.as_ref().err().or(stable.as_ref().err()).cloned();
    Answer { candidate: candidate.ok(), stable: stable.ok(), why }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::{Answer, Question};
    use stagegate_rollout::{ExternalValue, StableValue};

    const NOW: f64 = 1_800_000_000.0;

    fn question(stable: StableValue) -> Question {
        Question {
            workload: "agent".to_owned(),
            gate: "external/checkout/max".to_owned(),
            candidate: "v2".to_owned(),
            stable: "v1".to_owned(),
            value: ExternalValue {
                name: "checkout".into(),
                source: "prom".into(),
                query: Some("q".into()),
                stable,
                higher_is_better: false,
                every_ms: 30_000,
                timeout_ms: 5000,
                no_data_blocks: true,
            },
        }
    }

    fn asked(stable: StableValue, result: &str) -> Answer {
        let body = format!(r#"{{"status":"success","data":{result}}}"#);
        read(&question(stable), body.as_bytes(), NOW)
    }

    fn vector(series: &[(&str, f64, &str)]) -> String {
        let each: Vec<String> = series
            .iter()
            .map(|(version, at, value)| {
                format!(r#"{{"metric":{{"version":"{version}"}},"value":[{at},"{value}"]}}"#)
            })
            .collect();
        format!(r#"{{"resultType":"vector","result":[{}]}}"#, each.join(","))
    }

    #[test]
    fn one_series_or_a_scalar_is_the_value() {
        let answer = asked(StableValue::None, &vector(&[("v2", NOW, "0.25")]));
        assert_eq!((answer.candidate, answer.why), (Some(0.25), None));
        let scalar = format!(r#"{{"resultType":"scalar","result":[{NOW},"3"]}}"#);
        assert_eq!(asked(StableValue::None, &scalar).candidate, Some(3.0));
    }

    #[test]
    fn what_is_no_number_of_now_is_no_value() {
        for (result, says) in [
            (vector(&[]), "gives no series"),
            (vector(&[("v1", NOW, "1"), ("v2", NOW, "2")]), "gives 2 series"),
            (vector(&[("v2", NOW, "NaN")]), "the value is NaN"),
            (vector(&[("v2", NOW, "+Inf")]), "the value is +Inf"),
            (vector(&[("v2", NOW - 600.0, "1")]), "600 s old"),
            (r#"{"resultType":"matrix","result":[]}"#.to_owned(), "instant vector"),
            ("null".to_owned(), "no data"),
        ] {
            let answer = asked(StableValue::None, &result);
            assert_eq!(answer.candidate, None, "{result}");
            let why = answer.why.unwrap_or_default();
            assert!(why.contains(says), "{result}: {why}");
        }
        let refused = br#"{"status":"error","errorType":"bad_data","error":"parse\nerror"}"#;
        let why = read(&question(StableValue::None), refused, NOW).why;
        assert_eq!(why.as_deref(), Some("the query was refused: parse error"));
        for body in [&b""[..], b"<html>", b"[]", b"{}"] {
            assert_eq!(read(&question(StableValue::None), body, NOW).candidate, None);
        }
    }

    #[test]
    fn a_label_tells_the_releases_apart() {
        let by = || StableValue::Label("version".into());
        let both = asked(by(), &vector(&[("v1", NOW, "1"), ("v2", NOW, "2"), ("v0", NOW, "9")]));
        assert_eq!((both.candidate, both.stable, both.why), (Some(2.0), Some(1.0), None));
        let alone = asked(by(), &vector(&[("v2", NOW, "2")]));
        assert_eq!((alone.candidate, alone.stable), (Some(2.0), None));
        assert!(alone.why.is_some_and(|why| why.contains(r#"version="v1""#)));
        let twice = asked(by(), &vector(&[("v1", NOW, "1"), ("v2", NOW, "2"), ("v2", NOW, "3")]));
        assert_eq!(twice.candidate, None);
    }
}
