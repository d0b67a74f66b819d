//! jabberd2 2.7 as Debian 12 packages it.
//!
//! The packaged configuration is used. Domain, folders, ports and certificate are replaced; SCRAM and the creation of a
//! user's data at the first login are enabled. The accounts are rows of its SQLite database. Of its processes router,
//! session manager and client connections run; the one for other servers is not needed.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use crate::process::Launch;
use crate::server::Site;
use crate::{DOMAIN, StartError, packages};

/// The folder with its modules and its own library, below that of the libraries.
const MODULES: &str = "jabberd2";

/// Its processes in the order in which they are started.
const PROCESSES: [&str; 3] = ["router", "sm", "c2s"];

/// What is replaced, everywhere: a line of the packaged configuration, and what stands there instead.
type Replacement = (&'static str, String);

/// Writes the configuration and the accounts, and returns how to start.
pub(crate) fn prepare(site: &Site) -> Result<Launch, StartError> {
    let root = packages::unpacked(site.config.flavour.packages())?;
    let libraries = root
        .join("usr/lib")
        .join(format!("{}-linux-gnu", std::env::consts::ARCH));
    for process in PROCESSES {
        configure(site, &root, &libraries, process)?;
    }
    for file in ["router-users.xml", "router-filter.xml"] {
        fs::copy(root.join("etc/jabberd2").join(file), site.folder.join(file))
            .map_err(StartError::io(format!("copying jabberd2's {file}")))?;
    }
    write_certificate(site)?;
    create_accounts(site, &root)?;
    let ready_file = site.folder.join("ready");
    Ok(Launch {
        program: "sh".into(),
        arguments: vec!["-c".into(), script(site, &root, &ready_file).into()],
        environment: vec![(
            "LD_LIBRARY_PATH",
            format!(
                "{}:{}",
                libraries.display(),
                libraries.join(MODULES).display()
            )
            .into(),
        )],
        ready_file: Some(ready_file),
    })
}

/// One process's configuration.
fn configure(site: &Site, root: &Path, libraries: &Path, process: &str) -> Result<(), StartError> {
    let packaged = root.join(format!("etc/jabberd2/{process}.xml"));
    let mut text = fs::read_to_string(&packaged)
        .map_err(StartError::io("reading the packaged configuration"))?;
    for (line, instead) in replacements(site, process) {
        if !text.contains(line) {
            return Err(StartError::PackagedConfig {
                file: packaged,
                missing: line,
            });
        }
        text = text.replace(line, &instead);
    }
    let folder = site.folder.display();
    let modules = libraries.join(MODULES);
    let text = text
        .replace("/var/run/jabberd2/", &format!("{folder}/"))
        .replace("/var/lib/jabberd2/", &format!("{folder}/"))
        .replace("/etc/jabberd2/", &format!("{folder}/"))
        // Of the packaged architecture, as part of longer paths or alone.
        .replace(
            &format!("/usr/lib/{}-linux-gnu/jabberd2", std::env::consts::ARCH),
            &modules.display().to_string(),
        );
    fs::write(site.folder.join(format!("{process}.xml")), text)
        .map_err(StartError::io(format!("writing jabberd2's {process}.xml")))
}

fn replacements(site: &Site, process: &str) -> Vec<Replacement> {
    let address = site.config.address;
    let mut replacements = vec![
        (
            "<port>5347</port>",
            format!("<port>{}</port>", site.inner_port),
        ),
        ("<log type='file'>", "<log type='stdout'>".to_owned()),
    ];
    let certificate = certificate_path(site);
    match process {
        "router" => replacements.push(("<ip>0.0.0.0</ip>", "<ip>127.0.0.1</ip>".to_owned())),
        "sm" => replacements.extend([
            (
                "<id>localhost.localdomain</id>",
                format!("<id>{DOMAIN}</id>"),
            ),
            (
                "<!--\n    <auto-create/>\n    -->",
                "<auto-create/>".to_owned(),
            ),
        ]),
        _ => replacements.extend([
            (
                "<id register-enable='mu'>localhost.localdomain</id>",
                format!(
                    "<id realm='{DOMAIN}' pemfile='{certificate}' require-starttls='mu'>{DOMAIN}</id>"
                ),
            ),
            ("<ip>0.0.0.0</ip>", format!("<ip>{address}</ip>")),
            (
                "<port>5222</port>",
                format!(
                    "<port>{}</port><ssl-port>{}</ssl-port><pemfile>{certificate}</pemfile>",
                    site.starttls_port, site.direct_port
                ),
            ),
            ("<digest-md5/>", "<scram-sha-1/>".to_owned()),
        ]),
    }
    replacements
}

fn certificate_path(site: &Site) -> String {
    site.folder.join("server.pem").display().to_string()
}

/// Writes certificate, chain and key into one file, as it requires.
fn write_certificate(site: &Site) -> Result<(), StartError> {
    let read = |path| fs::read_to_string(path).map_err(StartError::io("reading the certificate"));
    let pem = read(site.chain_path())? + &read(site.key_path())?;
    let path = certificate_path(site);
    fs::write(&path, pem)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
        .map_err(StartError::io("writing jabberd2's certificate"))
}

/// The packaged schema, and a row for each account.
fn create_accounts(site: &Site, root: &Path) -> Result<(), StartError> {
    let schema = packages::run(
        Command::new("gzip")
            .arg("-dc")
            .arg(root.join("usr/share/doc/jabberd2/db-setup.sqlite.gz")),
        "gzip",
    )?;
    if !schema.status.success() {
        return Err(StartError::Command {
            program: "gzip -dc".to_owned(),
            tail: packages::tail_of(&schema),
        });
    }
    let schema = String::from_utf8_lossy(&schema.stdout);
    let fill = || {
        let database = Connection::open(site.folder.join("sqlite.db"))?;
        database.execute_batch(&schema)?;
        for credentials in &site.accounts {
            database.execute(
                "INSERT INTO authreg (username, realm, password) VALUES (?1, ?2, ?3)",
                (credentials.localpart(), DOMAIN, &credentials.password),
            )?;
        }
        Ok(())
    };
    fill().map_err(|error: rusqlite::Error| {
        StartError::io("creating jabberd2's accounts")(std::io::Error::other(error))
    })
}

/// Returns a shell script that runs all processes, reports when the session manager is ready (the ports are open before
/// that), and ends them all when the last one ends or the shell is asked to end.
fn script(site: &Site, root: &Path, ready_file: &Path) -> String {
    let mut script = "trap : TERM\nlines() { grep -c 'ready for sessions' output.log; }\n\
                      before=$(lines)\n"
        .to_owned();
    for process in PROCESSES {
        let _ = writeln!(
            script,
            "'{}/usr/sbin/jabberd2-{process}' -c '{}/{process}.xml' &\n{process}=$!",
            root.display(),
            site.folder.display(),
        );
    }
    let _ = writeln!(
        script,
        "until [ \"$(lines)\" -gt \"$before\" ]; do kill -0 $sm || exit 1; sleep 0.05; done\n\
         : > '{}'\nwait $c2s\nkill $router $sm\nwait",
        ready_file.display()
    );
    script
}
