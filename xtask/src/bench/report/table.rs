//! The tables, in Markdown.

use std::fmt::Write as _;

use crate::bench::case::Load;
use crate::bench::proxy::Kind;
use crate::bench::report::cell::{Cell, core_share, cpu_us, rate, rss_kib};
use crate::bench::report::{CostOfOne, cost_of_one, peer};

const REQUESTS: &str = "\
    | proxy | CPU us/request (min–max) | ratio to HAProxy | requests/s | p50 us | p99 us | p99.9 us | RSS MiB | core used | syscalls/request |\n\
    |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
const STREAMS: &str = "\
    | proxy | CPU us/event (min–max) | ratio to HAProxy | events/s | event p50 / p99 / p99.9 us | added p50 / p99 us | first byte p50 / p99 us | added p50 / p99 us | RSS MiB | KiB/stream |\n\
    |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
const DIFFERENCES: &str = "
| what | CPU us/request more | ratio to without | on the threads that serve |
|---|--:|--:|--:|
";

/// A table per load, in the order of the cells.
pub(in crate::bench) fn tables(cells: &[Cell]) -> String {
    let mut text = String::new();
    let mut group: Option<&Cell> = None;
    // What set-ups differ by is said below their table.
    let mut differences = String::new();
    for cell in cells {
        let streams = cell.case.load == Load::Streams;
        if !group.is_some_and(|first| first.same_load(cell)) {
            group = Some(cell);
            text += &std::mem::take(&mut differences);
            let what = if streams { "streams" } else { "connections" };
            let head = if streams { STREAMS } else { REQUESTS };
            let _ = write!(text, "\n{}, {} {what}\n\n{head}", cell.case.name, cell.connections);
        }
        let row = if streams { stream_row(cells, cell) } else { request_row(cells, cell) };
        let _ = writeln!(text, "| {} | {} |", cell.setup.label(), row.join(" | "));
        if let Some(cost) = cost_of_one(cells, cell) {
            if differences.is_empty() {
                differences += DIFFERENCES;
            }
            let CostOfOne { what, us, all, serving } = cost;
            let _ = writeln!(differences, "| {what} | {us:+.2} | {all:.3} | {serving:.3} |");
        }
    }
    text + &differences
}

fn request_row(cells: &[Cell], cell: &Cell) -> Vec<String> {
    vec![
        cost(cell),
        ratio(cells, cell),
        number(cell.median(rate), 0),
        number(cell.latency(|q| q.p50), 0),
        number(cell.latency(|q| q.p99), 0),
        number(cell.latency(|q| q.p999), 0),
        number(cell.median(rss_kib).map(|kib| kib / 1024.0), 1),
        cell.median(core_share).map_or("-".to_owned(), |share| format!("{:.0}%", share * 100.0)),
        number(cell.syscalls, 1),
    ]
}

fn stream_row(cells: &[Cell], cell: &Cell) -> Vec<String> {
    let direct = peer(cells, cell, Kind::Direct).filter(|direct| direct.setup != cell.setup);
    let added = |ours: Option<f64>, theirs: Option<f64>| ours.zip(theirs).map(|(a, b)| a - b);
    let pair = |a: Option<f64>, b: Option<f64>| format!("{} / {}", number(a, 0), number(b, 0));
    let (p50, p99) = (cell.latency(|q| q.p50), cell.latency(|q| q.p99));
    let (first_p50, first_p99) = (cell.first_byte(|q| q.p50), cell.first_byte(|q| q.p99));
    vec![
        cost(cell),
        ratio(cells, cell),
        number(cell.median(rate), 0),
        format!("{} / {}", pair(p50, p99), number(cell.latency(|q| q.p999), 0)),
        pair(
            added(p50, direct.and_then(|d| d.latency(|q| q.p50))),
            added(p99, direct.and_then(|d| d.latency(|q| q.p99))),
        ),
        pair(first_p50, first_p99),
        pair(
            added(first_p50, direct.and_then(|d| d.first_byte(|q| q.p50))),
            added(first_p99, direct.and_then(|d| d.first_byte(|q| q.p99))),
        ),
        number(cell.median(rss_kib).map(|kib| kib / 1024.0), 1),
        number(cell.kib_per_stream(), 1),
    ]
}

fn cost(cell: &Cell) -> String {
    let Some(middle) = cell.median(cpu_us) else { return "-".to_owned() };
    let costs = || cell.rounds.iter().filter_map(cpu_us);
    let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
    format!("{middle:.1} ({least:.1}–{most:.1})")
}

fn ratio(cells: &[Cell], cell: &Cell) -> String {
    number(peer(cells, cell, Kind::Haproxy).and_then(|haproxy| cell.ratio_to(haproxy)), 2)
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::cell::tests::cell;

    #[test]
    fn a_row_has_as_many_columns_as_its_head() {
        let cells = [cell(Kind::Stagegate, &[10, 12, 11]), cell(Kind::Haproxy, &[22, 22, 22])];
        let text = tables(&cells);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 4, "{text}");
        assert!(rows.iter().all(|row| row.matches('|').count() == rows[0].matches('|').count()));
        assert!(rows[2].starts_with("| stagegate-bare | 11.0 (10.0–12.0) | 0.50 |"), "{}", rows[2]);
        let columns = |row: &[String], head: &str| {
            assert_eq!(
                row.len() + 1,
                head.lines().next().expect("a head").matches('|').count() - 1
            );
        };
        columns(&stream_row(&cells, &cells[0]), STREAMS);
    }
}
