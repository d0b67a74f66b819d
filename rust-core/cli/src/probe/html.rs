//! The report as one page, which needs no other file and runs no script. Everything in it is escaped.

use std::fmt::{self, Write as _};

use super::advice::{Finding, Setting};
use super::report::Report;
use super::text::{self, Line};
use crate::escape::Escaped;

/// The policy is a second barrier: the page has no script, and a browser would run none.
const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #e3e3e3; overflow-wrap: anywhere }
th { font-weight: 500; white-space: pre; width: 9rem }
pre { background: #f4f4f4; padding: .6rem .8rem; overflow-x: auto; margin: .3rem 0 }
.saves { background: #ffe2b8; padding: .1rem .5rem; border-radius: .3rem }
.none { background: #ececec; padding: .1rem .5rem; border-radius: .3rem }
article { border-left: 3px solid #d0d0d0; padding-left: 1rem; margin: 1.2rem 0 }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #16181c } th, td { border-color: #33363c } pre { background: #22252b }
  .saves { background: #6b4a12 } .none { background: #33363c } article { border-color: #44484f }
}
</style>
"#;

/// Returns the page.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::from(HEAD);
    // Writing to a String does not fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    let domain = Escaped(&report.domain);
    writeln!(out, "<title>{domain}: round trips</title>")?;
    writeln!(out, "<h1>{domain}</h1>")?;
    writeln!(
        out,
        "<p><strong>{}</strong></p>",
        Escaped(text::conclusion(report))
    )?;
    for (heading, counts) in [("What costs round trips", true), ("Beside that", false)] {
        let mut findings = report
            .advice
            .iter()
            .filter(|it| it.counts() == counts)
            .peekable();
        if findings.peek().is_some() {
            writeln!(out, "<h2>{heading}</h2>")?;
        }
        for finding in findings {
            write_finding(out, finding)?;
        }
    }
    writeln!(out, "<h2>What was seen</h2>")?;
    if let Some(dns) = &report.dns {
        write_table(out, "DNS", &text::of_dns(dns))?;
    }
    for endpoint in &report.endpoints {
        write_table(out, &text::title(endpoint), &text::of_endpoint(endpoint))?;
    }
    if report.left_out > 0 {
        writeln!(out, "<p>{}.</p>", Escaped(text::left_out(report)))?;
    }
    if let Some(account) = &report.account {
        let title = format!("Account at {}", account.endpoint);
        write_table(out, &title, &text::of_account(account))?;
    }
    writeln!(out, "</html>")
}

fn write_finding(out: &mut String, finding: &Finding) -> fmt::Result {
    let class = if finding.saves > 0 { "saves" } else { "none" };
    let saves = text::saves(finding);
    writeln!(
        out,
        "<article><h3 id=\"{}\">{} <span class=\"{class}\">{}</span></h3><p>{}</p>",
        Escaped(finding.id),
        Escaped(finding.id),
        Escaped(saves),
        Escaped(finding.text)
    )?;
    writeln!(out, "<p>At {}.</p>", Escaped(finding.endpoints.join(", ")))?;
    for (server, setting) in text::settings(finding) {
        match setting {
            Setting::Lines(lines) => {
                writeln!(out, "<p>{server}:</p><pre>{}</pre>", Escaped(lines))?;
            }
            Setting::None(reason) => {
                writeln!(out, "<p>{server}: no setting; {}.</p>", Escaped(reason))?;
            }
        }
    }
    for (server, advice) in finding.not_tried {
        let advice = Escaped(advice);
        writeln!(out, "<p>{server} (not tried): <code>{advice}</code></p>")?;
    }
    writeln!(out, "</article>")
}

fn write_table(out: &mut String, title: &str, lines: &[Line]) -> fmt::Result {
    writeln!(out, "<h3>{}</h3>\n<table>", Escaped(title))?;
    for (name, line) in lines {
        writeln!(out, "<tr><th>{}<td>{}", Escaped(name), Escaped(line))?;
    }
    writeln!(out, "</table>")
}
