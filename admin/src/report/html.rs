//! The report as one page of HTML with its pictures: no script, nothing loaded from anywhere, read by a screen reader
//! as well as on paper.

use super::{pictures, words};
use stagegate_api::{AxisReport, DeployReport, FigureReport, TimePoint};
use stagegate_timing::moment;

const STYLE: &str = "
:root{color-scheme:light dark;--line:#c9ced6;--soft:#f2f4f7;--bad:#a4161a;--good:#1b6e3c;--dim:#525a66;--stable:#0b5cad;--candidate:#8a3a9c}
@media(prefers-color-scheme:dark){:root{--line:#434a55;--soft:#20242a;--bad:#ff8a8a;--good:#7fd6a0;--dim:#a9b1bd;--stable:#8fc1ff;--candidate:#dba2ea}}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
thead th{background:var(--soft);font-weight:600}tbody th{font-weight:600}
td.n,th.n{text-align:right}td.w{white-space:nowrap}caption{text-align:left;color:var(--dim);padding:.25rem 0}
.facts th{width:12rem;font-weight:600}
.worse{color:var(--bad);font-weight:600}.better{color:var(--good);font-weight:600}.no_data{color:var(--dim)}
.note{border-left:4px solid var(--line);padding:.25rem 1rem;margin:1rem 0}
ul.note{padding-left:2.25rem}.out{border-color:var(--bad)}footer{color:var(--dim);margin-top:2rem}
code{font-size:.9em;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.75rem}
@media print{body{font-size:10pt;padding:0;max-width:none}table{break-inside:avoid}h2{break-after:avoid}}
";

/// Writes the page. `points` are the figures over the time of the report, oldest first.
pub(crate) fn html(report: &DeployReport, points: &[TimePoint]) -> String {
    let title = super::title(report);
    let mut out = Page::begin(&title);
    out.raw("<main><h1>").text(&title).raw("</h1>");
    body(&mut out, report, points);
    out.raw("</main>");
    out.end(report.written_ms)
}

/// Everything below the heading.
pub(super) fn body(out: &mut Page, report: &DeployReport, points: &[TimePoint]) {
    out.raw("<table class=\"facts\"><tbody>");
    for (name, value) in super::facts(report) {
        out.raw("<tr>").heads(&[name], "row").raw("<td>").text(&value).raw("</td></tr>");
    }
    out.raw("</tbody></table>");
    taken_out(out, report);
    out.section("What is not known");
    if report.not_known.is_empty() {
        out.raw("<p>Nothing that was looked for is missing.</p>");
    } else {
        list(out, "note", &report.not_known);
    }
    over_time(out, report, points);
    for axis in &report.axes {
        axis_table(out, axis);
    }
    out.raw("<p class=\"note\">Intervals of an arm hold with 95%, differences with 99%. Times differ where their intervals do not touch. Among many figures one may look different by chance: the gates decide, not these tables.</p>");
    failures(out, report);
    gates(out, report);
    history(out, report);
    out.section("Waived");
    if report.waived.is_empty() {
        out.raw("<p>Nothing.</p>");
    } else {
        list(out, "note", &report.waived);
    }
}

fn over_time(out: &mut Page, report: &DeployReport, points: &[TimePoint]) {
    out.section("Over time");
    if points.is_empty() {
        out.raw("<p>Nothing was recorded in this span.</p>");
        return;
    }
    // The pictures escape what comes from records.
    out.raw("<div class=\"charts\">").raw(&pictures::over_time(report, points)).raw("</div>");
}

fn taken_out(out: &mut Page, report: &DeployReport) {
    let Some(back) = &report.rollback else { return };
    out.section("Taken out").raw("<div class=\"note out\"><p><strong>").text(&report.rollout.to);
    out.raw("</strong> after ").text(&words::span(back.after_ms)).raw(", by ");
    out.text(&back.mark.by).raw(": ").text(&back.mark.reason).raw("</p>");
    list(out, "", &back.violated);
    if let Some(analysis) = &back.analysis {
        out.raw("<p>It rests on analysis <code>").text(analysis).raw("</code>.</p>");
    }
    out.raw("</div>");
}

fn axis_table(out: &mut Page, axis: &AxisReport) {
    let verdict = words::verdict(&axis.verdict);
    out.section(&format!("{}: {verdict}", super::axis_name(&axis.axis)));
    out.raw("<div class=\"scroll\" tabindex=\"0\"><table><caption>Candidate and stable over the same time, with intervals. In the picture stable is above.</caption><thead><tr>");
    out.heads(
        &["Figure", "Candidate", "Values", "Stable", "Values", "Picture", "Difference", "Verdict"],
        "col",
    );
    out.raw("</tr></thead><tbody>");
    for figure in &axis.figures {
        let FigureReport { candidate, stable, verdict, .. } = figure;
        out.raw("<tr>").heads(&[&figure.figure], "row");
        out.cell("w", &words::arm(figure, candidate.as_ref()));
        out.cell("n", &words::count(candidate.as_ref()));
        out.cell("w", &words::arm(figure, stable.as_ref()));
        out.cell("n", &words::count(stable.as_ref()));
        out.raw("<td>").raw(&pictures::beside(figure)).raw("</td>");
        out.cell("w", &words::difference(figure));
        out.cell(verdict, words::verdict(verdict)).raw("</tr>");
    }
    out.raw("</tbody></table></div>");
}

fn failures(out: &mut Page, report: &DeployReport) {
    out.section("Failures by class");
    if report.failures.is_empty() {
        out.raw("<p>None was recorded.</p>");
        return;
    }
    out.raw("<div class=\"scroll\" tabindex=\"0\"><table><caption>Outcome, status, name and fingerprint of the message. In the picture stable is above.</caption><thead><tr>");
    out.heads(&["Class", "Candidate", "Stable", "Picture"], "col").raw("</tr></thead><tbody>");
    let most = report.failures.iter().map(|it| it.candidate.max(it.stable)).max().unwrap_or(1);
    for it in &report.failures {
        let class = if it.stable == 0 { "n worse" } else { "n" };
        out.raw("<tr>").heads(&[&it.class], "row").cell(class, &words::grouped(it.candidate));
        out.cell("n", &words::grouped(it.stable));
        let bars = stagegate_pictures::bars(it.candidate, it.stable, most).into_string();
        out.raw("<td>").raw(&bars).raw("</td></tr>");
    }
    out.raw("</tbody></table></div>");
}

fn gates(out: &mut Page, report: &DeployReport) {
    out.section("The gates");
    let Some(analysis) = &report.last_analysis else {
        out.raw("<p>No analysis of this span is kept.</p>");
        return;
    };
    out.raw("<p>Analysis <code>").text(&analysis.id).raw("</code> of ");
    out.text(&moment(analysis.at_ms)).raw(", step ").text(&analysis.step.to_string());
    out.raw(": <strong>").text(&analysis.verdict).raw("</strong></p>");
    out.raw("<div class=\"scroll\" tabindex=\"0\"><table><caption>What each gate said</caption><thead><tr>");
    out.heads(&["Gate", "Axis", "State"], "col").raw("</tr></thead><tbody>");
    for gate in &analysis.gates {
        out.raw("<tr>").heads(&[&gate.gate], "row").cell("", &gate.axis);
        let class = if gate.state == "violated" { "worse" } else { "" };
        out.cell(class, &gate.words).raw("</tr>");
    }
    out.raw("</tbody></table></div>");
    list(out, "note", &words::blamed(analysis));
    if !analysis.blocks.is_empty() {
        out.raw("<p>A promotion waits for:</p>");
    }
    list(out, "note", &analysis.blocks);
}

fn history(out: &mut Page, report: &DeployReport) {
    out.section("What was done");
    out.raw("<div class=\"scroll\" tabindex=\"0\"><table><caption>Every turn, oldest first</caption><thead><tr>");
    out.heads(&["At (UTC)", "What", "Step", "Weight", "By", "On analysis", "Why"], "col");
    out.raw("</tr></thead><tbody>");
    for it in &report.history {
        out.raw("<tr>").cell("w", &moment(it.mark.at_ms));
        out.cell("", &it.turn.replace('_', " ")).cell("n", &it.step.to_string());
        out.cell("n", &it.weight).cell("", &it.mark.by);
        out.cell("", it.analysis.as_deref().unwrap_or("–")).cell("", &super::why(it));
        out.raw("</tr>");
    }
    out.raw("</tbody></table></div>");
}

pub(super) fn list(out: &mut Page, class: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.raw("<ul class=\"").raw(class).raw("\">");
    for line in lines {
        out.raw("<li>").text(line).raw("</li>");
    }
    out.raw("</ul>");
}

/// The page so far. What comes from records goes in through [`Page::text`] alone.
pub(super) struct Page(String);

impl Page {
    /// The head of a page.
    pub(super) fn begin(title: &str) -> Self {
        let mut out = Self(String::new());
        out.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
        out.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
        out.text(title).raw("</title><style>").raw(STYLE).raw(stagegate_pictures::STYLE);
        out.raw("</style></head><body>");
        out
    }

    /// The whole page.
    pub(super) fn end(mut self, written_ms: u64) -> String {
        self.raw("<footer>Written by Stagegate, ").text(&moment(written_ms));
        self.raw("</footer></body></html>\n");
        self.0
    }

    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    pub(super) fn section(&mut self, title: &str) -> &mut Self {
        self.raw("<h2>").text(title).raw("</h2>")
    }

    fn heads(&mut self, texts: &[&str], scope: &str) -> &mut Self {
        for text in texts {
            self.raw("<th scope=\"").raw(scope).raw("\">").text(text).raw("</th>");
        }
        self
    }

    fn cell(&mut self, class: &str, text: &str) -> &mut Self {
        match class {
            "" => self.raw("<td>"),
            class => self.raw("<td class=\"").text(class).raw("\">"),
        };
        self.text(text).raw("</td>")
    }
}
