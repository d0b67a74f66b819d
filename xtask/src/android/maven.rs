//! What Maven does: compile Kotlin, and run its tests.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::build::Host;
use super::{folder, sources};
use crate::report::Outcome;
use crate::tool;

/// Each run is over before the optimising compiler of the JVM has earned what it costs: half of the processor time.
const QUICK: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

/// Maven, saying only what went wrong.
pub(super) fn maven(project: &Path) -> Command {
    let mut maven = Command::new("mvn");
    maven.args([
        "--batch-mode",
        "--quiet",
        "--no-transfer-progress",
        "--file",
    ]);
    maven.arg(project);
    // A daemon of the compiler would outlive the build.
    maven.arg("-Dkotlin.compiler.daemon=false");
    let given = env::var("MAVEN_OPTS").unwrap_or_default();
    maven.env("MAVEN_OPTS", format!("{QUICK} {given}"));
    maven
}

/// The value of a property in a project's file.
pub(super) fn property(project: &str, name: &str) -> Result<String, String> {
    let open = format!("<{name}>");
    let close = format!("</{name}>");
    let rest = project.split_once(&open).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split_once(&close))
        .map(|(value, _)| value.to_owned())
        .ok_or_else(|| format!("pom.xml has no {name}"))
}

/// Compiles.
pub(super) fn package(host: &Host) -> Result<(), String> {
    tool::run(configured(host)?.arg("compile"))
}

/// Compiles, and runs the tests.
pub(super) fn test(host: &Host, cycles: &str) -> Outcome {
    let mut maven = match configured(host) {
        Ok(maven) => maven,
        Err(failure) => return Outcome::of(Err(failure)),
    };
    maven.arg(format!("-Dsnapback.test.cycles={cycles}"));
    let real_server = host.real_server.display();
    maven.arg(format!("-Dsnapback.test.real.server={real_server}"));
    tested(maven.arg("test"), &folder().join("maven"))
}

/// Runs Maven, and counts the tests that it has run.
pub(super) fn tested(maven: &mut Command, build: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(failure) = run_tests(maven, &build.join("surefire-reports"), &mut outcome) {
        outcome.failure = Some(failure);
    }
    outcome
}

fn run_tests(maven: &mut Command, reports: &Path, outcome: &mut Outcome) -> Result<(), String> {
    crate::files::fresh(reports)?;
    let result = tool::run(maven);
    count(reports, outcome)?;
    if result.is_ok() && outcome.tests_passed == 0 {
        return Err("Maven ran no test".to_owned());
    }
    result
}

/// KDoc, as a folder of pages.
pub(super) fn documentation(generated: &Path) -> Result<(), String> {
    let mut maven = maven(&sources().join("pom.xml"));
    maven.args(settings(generated));
    tool::run(maven.arg("org.jetbrains.dokka:dokka-maven-plugin:dokka"))
}

/// Maven, compiling into an empty folder: classes whose sources are gone would be shipped.
fn configured(host: &Host) -> Result<Command, String> {
    crate::files::fresh(&folder().join("maven/classes"))?;
    let mut maven = maven(&sources().join("pom.xml"));
    maven.args(settings(&host.generated));
    maven.arg(format!("-Dsnapback.native={}", host.native.display()));
    maven.arg(format!(
        "-Dsnapback.test.server={}",
        host.test_server.display()
    ));
    Ok(maven)
}

fn settings(generated: &Path) -> [String; 2] {
    [
        format!("-Dsnapback.generated={}", generated.display()),
        format!("-Dsnapback.build={}", folder().join("maven").display()),
    ]
}

/// Adds up what the reports say; a line for each test.
fn count(reports: &Path, outcome: &mut Outcome) -> Result<(), String> {
    let entries =
        fs::read_dir(reports).map_err(|error| format!("{}: {error}", reports.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    for file in files {
        if file.extension().is_some_and(|extension| extension == "xml") {
            let report = crate::files::read(&file)?;
            for case in cases(&report) {
                println!("test {} ... {}", case.name, case.verdict);
                match case.verdict {
                    "ok" => outcome.tests_passed += 1,
                    "ignored" => outcome.skips.push(case.name),
                    _ => outcome.tests_failed += 1,
                }
            }
        }
    }
    Ok(())
}

struct Case {
    name: String,
    verdict: &'static str,
}

/// The test cases of a report as Surefire writes it.
fn cases(report: &str) -> Vec<Case> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let mut cases = Vec::new();
    for part in report.split("<testcase").skip(1) {
        let tag = part.split('>').next().unwrap_or_default();
        let class = attribute(tag, "classname").unwrap_or_default();
        let name = attribute(tag, "name").unwrap_or_default();
        let body = part.split("</testcase>").next().unwrap_or_default();
        let is_empty = tag.ends_with('/');
        let verdict = match () {
            () if is_empty => "ok",
            () if body.contains("<failure") || body.contains("<error") => "FAILED",
            () if body.contains("<skipped") => "ignored",
            () => "ok",
        };
        cases.push(Case {
            name: format!("{class}: {name}"),
            verdict,
        });
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surefire_s_reports_are_read() {
        let report = r#"<testsuite name="A" tests="4">
            <properties><property name="x" value="y"/></properties>
            <testcase name="one" classname="im.A" time="0.1"/>
            <testcase name="two" classname="im.A" time="0.1"><failure message="&lt;no&gt;"/></testcase>
            <testcase name="three" classname="im.A" time="0"><skipped/></testcase>
            <testcase name="four" classname="im.A" time="0"><system-out>words</system-out></testcase>
            </testsuite>"#;
        let verdicts: Vec<(String, &str)> = cases(report)
            .into_iter()
            .map(|case| (case.name, case.verdict))
            .collect();
        assert_eq!(
            verdicts,
            [
                ("im.A: one".to_owned(), "ok"),
                ("im.A: two".to_owned(), "FAILED"),
                ("im.A: three".to_owned(), "ignored"),
                ("im.A: four".to_owned(), "ok"),
            ]
        );
    }
}
