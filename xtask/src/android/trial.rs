//! The guide, followed by a newcomer: a project in an empty folder, with the files and the command that the page prints.
//! Replaced are only what stands for something of the reader's: places, addresses, the version.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::build::Host;
use super::maven::{self, maven};
use super::publish::{self, Published};
use super::{GROUP, JVM, jvm, sources};
use crate::files::{fresh, read, write};
use crate::tool;

const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0";
/// How long each effect may take: Maven may have to fetch its plugins first.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Between two questions to the server.
const PAUSE: Duration = Duration::from_millis(50);
/// What the example sends, and what it has to print.
const QUESTION: &str = "Wherefore art thou?";
const ANSWER: &str = "Here.";

/// Publishes the jar, follows the section for desktops and servers, and sees a message arrive in both directions.
pub(super) fn run(host: &Host) -> Result<(), String> {
    let published = publish::publish_jar(&jvm::jar(jvm::Natives::debug(host)?)?)?;
    let project = env::temp_dir().join(format!("snapback-trial-{}", std::process::id()));
    fresh(&project)?;
    let outcome = follow(host, &published, &project);
    let removed =
        fs::remove_dir_all(&project).map_err(|error| format!("{}: {error}", project.display()));
    outcome.and(removed)
}

fn follow(host: &Host, published: &Published, project: &Path) -> Result<(), String> {
    let guide = Guide::read()?;
    let mut server = Server::start(&host.test_server)?;
    let pom = project.join("pom.xml");
    write(&pom, &guide.pom(published)?)?;
    write(
        &project.join("src/main/kotlin/Main.kt"),
        &guide.program(&server)?,
    )?;
    forget(&pom)?;
    let mut program = start(&guide.command, project)?;
    let outcome = converse(&mut program, &mut server);
    // It runs until it is ended.
    let ended = program.process.kill().map_err(|error| error.to_string());
    drop(program.process.wait());
    outcome.and(ended)
}

/// Waits until the question has arrived, and sends the answer, which the program prints.
fn converse(program: &mut Program, server: &mut Server) -> Result<(), String> {
    let end = Instant::now() + TIMEOUT;
    while !server.tell(r#"{"world":"received"}"#)?.contains(QUESTION) {
        let ended = program.process.try_wait();
        if ended.map_err(|error| error.to_string())?.is_some() || Instant::now() > end {
            let printed: Vec<String> = program.lines.try_iter().collect();
            return Err(format!("no message came: {}", printed.join("\n")));
        }
        thread::sleep(PAUSE);
    }
    println!("the server has received: {QUESTION}");
    server.tell(&format!(r#"{{"world":"message","body":"{ANSWER}"}}"#))?;
    loop {
        let line = (program.lines.recv_timeout(TIMEOUT))
            .map_err(|error| format!("the program did not print the answer: {error}"))?;
        println!("the program printed: {line}");
        if line.contains("romeo@localhost") && line.ends_with(&format!(": {ANSWER}")) {
            return Ok(());
        }
    }
}

/// What the section prints, by what each block begins with.
struct Guide {
    pom: String,
    program: String,
    own_server: String,
    command: String,
}

impl Guide {
    fn read() -> Result<Self, String> {
        let page = read(&sources().join("README.md"))?;
        let (_, section) = page
            .split_once("\n## Desktops and servers\n")
            .ok_or("android/README.md has no section on desktops and servers")?;
        let section = section.split("\n## ").next().unwrap_or_default();
        let block = |begins: &str| {
            let mut blocks = section.split("\n```").skip(1).step_by(2);
            let found = blocks.find_map(|block| {
                let (_, content) = block.split_once('\n')?;
                content.starts_with(begins).then(|| content.to_owned())
            });
            found.ok_or_else(|| format!("android/README.md has no block that begins with {begins}"))
        };
        Ok(Self {
            pom: block("<!-- pom.xml -->")?,
            program: block("// src/main/kotlin/Main.kt")?,
            own_server: block("// A server on this machine")?,
            command: block("mvn ")?,
        })
    }

    fn pom(&self, published: &Published) -> Result<String, String> {
        let repository = published.repository.display().to_string();
        let version = format!("<version>{}</version>", published.version);
        let named = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
        let pom = replaced(&self.pom, "/path/to/target/android/repository", &repository)?;
        replaced(&pom, &named, &version)
    }

    /// The example, which speaks with the server that the page suggests for trying.
    fn program(&self, server: &Server) -> Result<String, String> {
        let authority = server.field("ca_file")?;
        let own_server = replaced(&self.own_server, "5223", &server.field("direct_port")?)?;
        let own_server = replaced(&own_server, "ca.pem", &authority)?;
        let storage = "                storage = ";
        let program = replaced(&self.program, storage, &format!("{own_server}\n{storage}"))?;
        let program = replaced(&program, "juliet@example.org", "juliet@localhost")?;
        replaced(&program, "romeo@example.net", "romeo@localhost")
    }
}

fn replaced(text: &str, from: &str, to: &str) -> Result<String, String> {
    if text.matches(from).count() != 1 {
        return Err(format!("{from} is not once in {text}"));
    }
    Ok(text.replacen(from, to, 1))
}

/// Maven keeps what it has fetched before under the same version.
fn forget(pom: &Path) -> Result<(), String> {
    let mut purge = maven(pom);
    purge.arg(format!("-DmanualInclude={GROUP}:{JVM}"));
    tool::run(purge.arg(format!("{PLUGIN}:purge-local-repository")))
}

struct Program {
    process: Child,
    /// What it prints.
    lines: Receiver<String>,
}

/// Runs the command of the page, which begins with `mvn`.
fn start(command: &str, project: &Path) -> Result<Program, String> {
    let mut words = command.split_whitespace().skip(1);
    let mut maven = maven::maven(&project.join("pom.xml"));
    maven.args(words.by_ref()).current_dir(project);
    maven.env("PASSWORD", "r0m30").stdout(Stdio::piped());
    let mut process = maven.spawn().map_err(|error| format!("mvn: {error}"))?;
    let output = process.stdout.take().ok_or("mvn has no output")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let printed = BufReader::new(output).lines().map_while(Result::ok);
        // Until nothing reads them.
        printed
            .map(|line| sender.send(line))
            .all(|sent| sent.is_ok())
    });
    Ok(Program { process, lines })
}

/// The reference server, with the commands of `tests/scenarios`.
struct Server {
    process: Child,
    input: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    ready: String,
}

impl Server {
    fn start(program: &Path) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let input = process.stdin.take().ok_or("the server has no input")?;
        let output = process.stdout.take().ok_or("the server has no output")?;
        let mut server = Self {
            process,
            input,
            answers: BufReader::new(output).lines(),
            ready: String::new(),
        };
        server.ready = server.answer()?;
        Ok(server)
    }

    fn tell(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.input, "{command}").map_err(|error| format!("server: {error}"))?;
        let answer = self.answer()?;
        if answer.contains(r#""ok":true"#) {
            Ok(answer)
        } else {
            Err(format!("{command}: {answer}"))
        }
    }

    fn answer(&mut self) -> Result<String, String> {
        let line = self.answers.next().ok_or("the server has ended")?;
        line.map_err(|error| format!("server: {error}"))
    }

    /// A field of its first line.
    fn field(&self, name: &str) -> Result<String, String> {
        value(&self.ready, name).ok_or_else(|| format!("{} has no {name}", self.ready))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input; if it has ended before, there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The value of a field in an object of JSON whose texts have no escapes.
fn value(object: &str, name: &str) -> Option<String> {
    let (_, rest) = object.split_once(&format!("\"{name}\":"))?;
    let end = rest.find([',', '}'])?;
    Some(rest.get(..end)?.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_server_s_first_line_are_read() {
        let ready = r#"{"ready":true,"direct_port":41,"ca_file":"/tmp/a.pem","domain":"x"}"#;
        assert_eq!(value(ready, "direct_port").as_deref(), Some("41"));
        assert_eq!(value(ready, "ca_file").as_deref(), Some("/tmp/a.pem"));
        assert_eq!(value(ready, "domain").as_deref(), Some("x"));
        assert_eq!(value(ready, "port"), None);
    }

    #[test]
    fn what_stands_for_something_is_there_once() {
        assert_eq!(replaced("a b", "b", "c").as_deref(), Ok("a c"));
        assert!(replaced("a b b", "b", "c").is_err());
        assert!(replaced("a", "b", "c").is_err());
    }
}
