//! `stagegate price`: what a response costs, line by line. Nothing is sent.

mod recorded;
mod text;

use crate::client::Failure;
use crate::output::{self, Format};
use clap::Args;
use stagegate_signals::{
    Explanation, Part, Parts, Passed, Prices, Protocol, Signals, Tier, Usage, explain,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Options of `price`.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct PriceArgs {
    /// The recorded response: its body, or head and body as `curl -i` writes them; `-` reads standard
    /// input.
    #[arg(required_unless_present = "model", conflicts_with_all = ["model", "tokens"])]
    file: Option<PathBuf>,
    /// Path of the request: it tells the protocol, and the model where the body names none.
    #[arg(long, value_name = "PATH", default_value = "/")]
    path: String,
    /// The protocol; by default told by the path and the body.
    #[arg(long, value_name = "PROTOCOL", default_value = "auto", value_parser = protocol)]
    protocol: Protocol,
    /// Type of the body; by default told by its first bytes.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Coding of the body, as `gzip`.
    #[arg(long, value_name = "CODING")]
    content_encoding: Option<String>,
    /// The model, where no response was recorded.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    tokens: Tokens,
    /// A price list in the form of genai-prices' `prices.json`, as in `cost.prices`; by default the
    /// built-in one.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

/// A usage that is given by hand.
#[derive(Args, Debug)]
#[group(id = "tokens", multiple = true, requires = "model")]
struct Tokens {
    /// Tokens of input that is neither read from a cache nor written to one.
    #[arg(long, value_name = "N")]
    input_tokens: Option<u64>,
    /// Tokens of output, reasoning included.
    #[arg(long, value_name = "N")]
    output_tokens: Option<u64>,
    /// Tokens of input read from a cache.
    #[arg(long, value_name = "N")]
    cache_read: Option<u64>,
    /// Tokens of input written to a cache for five minutes.
    #[arg(long, value_name = "N")]
    cache_write: Option<u64>,
    /// Tokens of input written to a cache for an hour.
    #[arg(long, value_name = "N")]
    cache_write_1h: Option<u64>,
    /// Tokens of output that were reasoning.
    #[arg(long, value_name = "N")]
    reasoning: Option<u64>,
    /// Service tier: standard, flex, priority, fast, scale or batch.
    #[arg(long, value_name = "TIER", value_parser = tier)]
    tier: Option<Tier>,
}

impl Tokens {
    fn usage(&self) -> Usage {
        let hour = self.cache_write_1h.unwrap_or(0);
        let write = self.cache_write.unwrap_or(0);
        Usage {
            input: self.input_tokens.unwrap_or(0),
            cache_read: self.cache_read.unwrap_or(0),
            cache_write: write.saturating_add(hour),
            output: self.output_tokens.unwrap_or(0).max(self.reasoning.unwrap_or(0)),
            reasoning: self.reasoning.unwrap_or(0),
            parts: Parts::NONE.with(Part::CacheWrite5m, write).with(Part::CacheWrite1h, hour),
        }
    }
}

fn protocol(word: &str) -> Result<Protocol, String> {
    let found = Protocol::ALL.into_iter().find(|protocol| protocol.label() == word);
    found.ok_or_else(|| format!("write one of {}", words(Protocol::ALL.map(Protocol::label))))
}

fn tier(word: &str) -> Result<Tier, String> {
    let found = Tier::ALL.into_iter().find(|tier| tier.label() == word);
    found.ok_or_else(|| format!("write one of {}", words(Tier::ALL.map(Tier::label))))
}

fn words<const N: usize>(words: [&str; N]) -> String {
    words.join(", ")
}

/// Runs the command. It fails where the cost is unknown.
pub(crate) fn run(args: &PriceArgs, format: Format) -> Result<ExitCode, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (explanation, stated) = explained(args, now)?;
    output::show(format, &text::json(&explanation, stated), || text::table(&explanation, stated));
    let known = explanation.nanos.or(stated).is_some();
    Ok(if known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The explanation at a time in Unix seconds, and what the response itself states, in nano-dollars.
fn explained(args: &PriceArgs, now_s: u64) -> Result<(Explanation, Option<u64>), Failure> {
    let prices = match &args.prices {
        None => Prices::builtin(),
        Some(file) => Prices::from_json(&read(file)?)
            .map_err(|why| Failure::Usage(format!("{}: {why}", file.display())))?,
    };
    if let Some(file) = &args.file {
        let known = recorded::Known {
            protocol: args.protocol,
            path: &args.path,
            content_type: args.content_type.as_deref(),
            content_encoding: args.content_encoding.as_deref(),
        };
        let response = recorded::Recorded::of(&read(file)?, &known)?;
        let passed = Passed { request: 0, response: response.bytes };
        let explanation = explain(&response.signals, passed, &prices, now_s);
        return Ok((explanation, response.stated));
    }
    let model = args.model.as_deref().unwrap_or_default();
    let tier = args.tokens.tier.unwrap_or_default();
    let signals = Signals::of_usage(args.protocol, model, tier, args.tokens.usage());
    Ok((explain(&signals, Passed::default(), &prices, now_s), None))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::{PriceArgs, explained, text};
    use crate::tree::parse;
    use stagegate_signals::{Explanation, Tier};

    const NOW: u64 = 1_795_348_800;

    fn args(line: &str) -> PriceArgs {
        let cli = parse(format!("stagegate price {line}").split(' ')).expect("a line");
        let crate::tree::Command::Price(args) = cli.command else { panic!("another command") };
        *args
    }

    fn of_file(name: &str, bytes: &[u8], options: &str) -> (Explanation, Option<u64>) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        explained(&args(&format!("{} {options}", path.display())), NOW).expect("explained")
    }

    const MESSAGE: &str = r#"{"type":"message","model":"us.anthropic.claude-sonnet-4-5-20250929-v1:0","usage":{"input_tokens":100,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_1h_input_tokens":1000},"output_tokens":48}}"#;

    #[test]
    fn a_recorded_body_is_priced_line_by_line() {
        let (seen, stated) = of_file("a.json", MESSAGE.as_bytes(), "--path /v1/messages");
        let table = text::table(&seen, stated);
        for part in [
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "cache write, 1 hour",
            "standard",
            "(reported)",
        ] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
        let json = text::json(&seen, stated);
        let sum: f64 = json["lines"].as_array().expect("lines").iter().map(usd).sum();
        assert!((usd(&json) - sum).abs() < 1e-9, "{json}");
        assert_eq!(json["model"], "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    }

    fn usd(line: &serde_json::Value) -> f64 {
        line["usd"].as_str().expect("a text").parse().expect("a number")
    }

    #[test]
    fn a_stream_and_a_whole_response_with_its_head_are_told_by_their_first_bytes() {
        let stream = "data: {\"model\":\"gpt-4o\",\"choices\":[]}\n\ndata: {\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100,\"total_tokens\":1100}}\n\ndata: [DONE]\n\n";
        let (seen, _) = of_file("s.txt", stream.as_bytes(), "--path /v1/chat/completions");
        let alone = explained(&args("--model gpt-4o --input-tokens 1000 --output-tokens 100"), NOW);
        assert_eq!(seen.nanos, alone.expect("explained").0.nanos);
        let whole = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nAgent-Cost-Usd: 0.25\r\n\r\n{stream}"
        );
        let (again, stated) = of_file("w.txt", whole.as_bytes(), "--path /v1/chat/completions");
        assert_eq!((again.nanos, stated), (seen.nanos, Some(250_000_000)));
        assert!(text::table(&again, stated).contains("$0.25"), "{}", text::table(&again, stated));
    }

    #[test]
    fn a_usage_by_hand_has_a_tier_and_both_lives_of_a_cache() {
        let line = "--model claude-sonnet-4-5 --input-tokens 10 --cache-write 5 --cache-write-1h 7 --reasoning 3 --tier batch";
        let args = args(line);
        let usage = args.tokens.usage();
        assert_eq!((usage.cache_write, usage.output, usage.reasoning), (12, 3, 3));
        assert_eq!(args.tokens.tier, Some(Tier::Batch));
        let (seen, _) = explained(&args, NOW).expect("explained");
        assert!(seen.nanos.is_some(), "{seen:?}");
    }

    #[test]
    fn an_unknown_model_says_what_was_looked_up_and_what_to_do() {
        let (seen, stated) =
            explained(&args("--model acme/house-9 --input-tokens 5"), NOW).expect("one");
        let table = text::table(&seen, stated);
        assert_eq!(seen.nanos, None);
        for part in ["acme/house-9, house-9", "not in the price list", "cost.prices"] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
    }

    #[test]
    fn wrong_usage_is_said() {
        for line in [
            "",
            "a.json --model m",
            "a.json --input-tokens 3",
            "--input-tokens 3",
            "--model m --tier no",
        ] {
            let line = format!("stagegate price {line}");
            assert!(parse(line.trim().split(' ')).is_err(), "{line}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.png");
        std::fs::write(&path, "PNG").expect("written");
        let line = format!("{} --content-type image/png", path.display());
        let error = explained(&args(&line), NOW).expect_err("no usage in it");
        assert!(error.to_string().contains("image/png"), "{error}");
    }
}
